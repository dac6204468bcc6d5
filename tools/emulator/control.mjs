// The control channel: JSON lines. A request is {"id", "do", ...}; its answer {"id", "ok", ...} or {"id", "error"}.
//
// Each answer to "run" and "take" carries all that happened since the last: "edges" [[ns, pin, level, driven], ...]
// and "bytes" [[port, ns of the last, base64], ...]. A bad request is answered by a clear error and changes nothing.

const LONGEST_LINE = 8 * 1024 * 1024;

/** Serve requests of a stream: `answer(request)` gives what comes with "ok", now or as a promise, or throws. */
export function serve(stream, answer) {
  let rest = '';
  const reply = (message) => stream.write(`${JSON.stringify(message)}\n`);

  async function one(line) {
    let request;
    try {
      request = JSON.parse(line);
    } catch {
      return reply({ id: null, error: `not a line of JSON: ${line.slice(0, 60)}` });
    }
    if (request === null || typeof request !== 'object' || Array.isArray(request)) {
      return reply({ id: null, error: 'a request is an object: {"id": 1, "do": "take"}' });
    }
    try {
      return reply({ id: request.id ?? null, ok: true, ...(await answer(request)) });
    } catch (error) {
      return reply({ id: request.id ?? null, error: error.message });
    }
  }

  stream.setEncoding('utf8');
  stream.on('data', (text) => {
    rest += text;
    const lines = rest.split('\n');
    rest = lines.pop();
    for (const line of lines) void one(line);
    if (rest.length > LONGEST_LINE) {
      reply({ id: null, error: `a line is longer than ${LONGEST_LINE} bytes` });
      stream.destroy();
    }
  });
}
