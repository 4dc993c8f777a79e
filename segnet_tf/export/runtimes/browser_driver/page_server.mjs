// A web server for a page that runs a model: it serves one folder and takes the outputs back.
import {createServer} from 'node:http';
import {readFile, writeFile} from 'node:fs/promises';
import {extname, join, resolve, sep} from 'node:path';

const TYPES = {
  '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm',
};

// Serves `folder`, and `pageFile` as /; takes `out_...` into `job`, a folder in it. Loopback only, on
// a free port. Gives the server, its origin and the job's path below it.
export async function serve(folder, pageFile, job) {
  const server = createServer(async (request, response) => {
    const respond = (status, body = '', type = 'application/octet-stream') =>
        response.writeHead(status, {'Content-Type': type}).end(body);
    try {
      const path = decodeURIComponent(new URL(request.url, 'http://localhost').pathname);
      const file = resolve(join(folder, path));
      if (request.method === 'PUT') {
        if (!file.startsWith(join(job, 'out_'))) return respond(403);
        const parts = [];
        for await (const part of request) parts.push(part);
        await writeFile(file, Buffer.concat(parts));
        return respond(204);
      }
      if (path === '/') return respond(200, await readFile(pageFile), TYPES['.html']);
      if (!file.startsWith(folder + sep)) return respond(403);
      respond(200, await readFile(file), TYPES[extname(file)]);
    } catch (error) {
      respond(error.code === 'ENOENT' ? 404 : 500);
    }
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    server,
    origin: `http://127.0.0.1:${server.address().port}`,
    jobUrl: job.slice(folder.length).split(sep).join('/'),
  };
}
