import { serve } from '#server/serve.js';
import { report } from './report.js';

// The reference server as it is deployed, with rates that let the load through.
const { url } = await serve({ ...process.env, PORT: '0', PARLOR_LOG: 'off' });
report(Number(new URL(url).port));
