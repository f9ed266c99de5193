/** A server that the project ships: how it is judged, and whether it is right. */
export interface Subject {
  name: string;
  stack: string;
  args: readonly string[];
  right: boolean;
}

/** The reference server, the examples in other styles, and the one that is wrong on purpose. */
export const subjects: readonly Subject[] = [
  {
    name: 'reference',
    stack: 'TypeScript, ws',
    args: ['--config', 'reference-server/parlor.config.json', '--time', '0'],
    right: true,
  },
  {
    name: 'fastapi',
    stack: 'Python, FastAPI on uvicorn',
    args: ['--config', 'examples/fastapi/parlor.config.json'],
    right: true,
  },
  {
    name: 'node',
    stack: 'JavaScript, ws',
    args: ['--config', 'examples/node/parlor.config.json'],
    right: true,
  },
  {
    name: 'go',
    stack: 'Go, gorilla/websocket',
    args: ['--start', 'examples/go/start'],
    right: true,
  },
  {
    name: 'tutorial',
    stack: 'Python, FastAPI as tutorials teach it',
    args: ['--start', 'examples/tutorial/start'],
    right: false,
  },
];
