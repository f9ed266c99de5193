// Imported into a server: in each turn of its event loop it is busy for BUSY_MS milliseconds, and with nothing.
const busy = () => {
  const end = performance.now() + Number(process.env.BUSY_MS);
  while (performance.now() < end);
};
setInterval(busy, 1).unref();
