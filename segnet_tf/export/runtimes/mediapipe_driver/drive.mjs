// Runs a .tflite file with MediaPipe's ImageSegmenter (@mediapipe/tasks-vision) in headless Chromium.
//   node drive.mjs FOLDER JOB
// FOLDER is what setup.sh made; JOB, a folder in it, holds job.json, `model` and `in_0`, `in_1`, ...
// as raw RGBA. It gets `out_IMAGE_category`, `out_IMAGE_confidence_CLASS`, `out_IMAGE_quality` and
// result.json, errors too.
import {createRequire} from 'node:module';
import {readFile, writeFile} from 'node:fs/promises';
import {join, resolve} from 'node:path';
import {serve} from '../browser_driver/page_server.mjs';

// No GPU is there: WebGL runs on SwiftShader. The page is this project's own; the sandbox needs
// privileges that containers lack.
const FLAGS = ['--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist'];

const [folder, job] = process.argv.slice(2).map((path) => resolve(path));
const {page: pageFile, playwright, browser: executablePath, libraries, delegate, images, seconds} =
    JSON.parse(await readFile(join(job, 'job.json'), 'utf8'));
const {chromium} = createRequire(playwright)('playwright-core');

const {server, origin, jobUrl} = await serve(folder, pageFile, job);

const messages = [];
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
    if (/^E\d{4} /.test(message.text())) messages.push(message.text());
  });
  page.on('pageerror', (error) => messages.push(error.message));
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
await writeFile(join(job, 'result.json'), JSON.stringify({...result, messages}));
