// Runs a .tflite file with MediaPipe's ImageSegmenter (@mediapipe/tasks-vision) in headless Chromium.
//   node drive.mjs FOLDER JOB
// FOLDER is what setup.sh made; JOB, a folder in it, holds job.json, `model` and `in_0`, `in_1`, ...
// as raw RGBA. It gets `out_IMAGE_category`, `out_IMAGE_confidence_CLASS` and result.json, errors too.
import {createServer} from 'node:http';
import {createRequire} from 'node:module';
import {readFile, writeFile} from 'node:fs/promises';
import {extname, join, resolve, sep} from 'node:path';

const TYPES = {
  '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm',
};
// No GPU is there: WebGL runs on SwiftShader. The page is this project's own; the sandbox needs
// privileges that containers lack.
const FLAGS = ['--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist'];

const [folder, job] = process.argv.slice(2).map((path) => resolve(path));
const {page: pageFile, playwright, browser: executablePath, libraries, delegate, images, seconds} =
    JSON.parse(await readFile(join(job, 'job.json'), 'utf8'));
const {chromium} = createRequire(playwright)('playwright-core');

// Serves FOLDER and the page, takes outputs into JOB; loopback only.
const server = createServer(async (request, response) => {
  const answer = (status, body = '', type = 'application/octet-stream') =>
      response.writeHead(status, {'Content-Type': type}).end(body);
  try {
    const path = decodeURIComponent(new URL(request.url, 'http://localhost').pathname);
    const file = resolve(join(folder, path));
    if (request.method === 'PUT') {
      if (!file.startsWith(join(job, 'out_'))) return answer(403);
      const parts = [];
      for await (const part of request) parts.push(part);
      await writeFile(file, Buffer.concat(parts));
      return answer(204);
    }
    if (path === '/') return answer(200, await readFile(pageFile), TYPES['.html']);
    if (!file.startsWith(folder + sep)) return answer(403);
    answer(200, await readFile(file), TYPES[extname(file)]);
  } catch (error) {
    answer(error.code === 'ENOENT' ? 404 : 500);
  }
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const origin = `http://127.0.0.1:${server.address().port}`;
const jobUrl = job.slice(folder.length).split(sep).join('/');

const said = [];
let browser;
let result;
try {
  browser = await chromium.launch({
    executablePath,
    headless: true,
    args: FLAGS,
    env: libraries ? {...process.env, LD_LIBRARY_PATH: libraries} : process.env,
  });
  const page = await browser.newPage();
  page.setDefaultTimeout(seconds * 1000);
  page.on('console', (message) => {
    // MediaPipe's log: severity, then date.
    if (/^E\d{4} /.test(message.text())) said.push(message.text());
  });
  page.on('pageerror', (error) => said.push(error.message));
  await page.goto(origin);
  await page.waitForFunction('self.ready');
  const loaded = await page.evaluate((options) => self.load(options), {url: `${jobUrl}/model`, delegate});
  const outputs = [];
  for (const [index, size] of images.entries()) {
    outputs.push(await page.evaluate(
        (options) => self.run(options),
        {input: `${jobUrl}/in_${index}`, output: `${jobUrl}/out_${index}`, ...size}));
  }
  result = {...loaded, outputs, version: browser.version()};
} catch (error) {
  result = {error: error.message};
} finally {
  await browser?.close();
  server.close();
}
await writeFile(join(job, 'result.json'), JSON.stringify({...result, said}));
