/** A value that is there, or a promise of it: a broker in memory answers at once, one behind a network later. */
export type Maybe<T> = T | Promise<T>;

/** Goes on with a value now if it is there, else when it comes; `failed` runs first when it never will. */
export function after<T, U>(
  value: Maybe<T>,
  next: (value: T) => Maybe<U>,
  failed?: () => void,
): Maybe<U> {
  if (!(value instanceof Promise)) return next(value);
  if (!failed) return value.then(next);
  return value.then(next, (error: unknown) => {
    failed();
    throw error;
  });
}
