import type { Order } from './proxies.js';
import { type BrokerProxy, startProxy } from './proxy.js';

const proxies = new Map<number, BrokerProxy>();

async function obey(order: Order): Promise<number> {
  if (order.do === 'open') {
    const proxy = await startProxy(order.port, order.delay ?? [0, 0]);
    proxies.set(proxy.port, proxy);
    return proxy.port;
  }
  proxies.get(order.port)?.[order.do]();
  return order.port;
}

process.on('message', (message) => {
  const order = message as Order;
  void obey(order).then((port) => process.send?.({ id: order.id, port }));
});
// Without the one who gives orders there is nobody to proxy for.
process.on('disconnect', () => process.exit());
