/** What `limits.max_listed_members` is at most, in users: a reply has to stay a reply (rooms-members-bounded). */
export const MOST_LISTED = 1_000;
