// Runs a .tflite file with LiteRT.js in headless Chromium.
//   node browser.mjs FOLDER JOB
// FOLDER is what browser.sh made; JOB, a folder in it, holds job.json, `model` and `in_0`, `in_1`, ...
// as raw numbers. It gets `out_IMAGE_OUTPUT` and result.json; errors go into result.json too.
import {createRequire} from 'node:module';
import {readFile, writeFile} from 'node:fs/promises';
import {join, resolve} from 'node:path';
import {serve} from './page_server.mjs';

const FLAGS = [
  // The page is this project's own; the sandbox needs privileges that containers lack.
  '--no-sandbox',
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
];

const [folder, job] = process.argv.slice(2).map((path) => resolve(path));
const {page: pageFile, browser: executablePath, libraries, accelerator, precision, images, seconds} =
    JSON.parse(await readFile(join(job, 'job.json'), 'utf8'));
const {chromium} = createRequire(join(folder, 'package.json'))('playwright-core');

const {server, origin, jobUrl} = await serve(folder, pageFile, job);

const messages = [];

async function session(browser, jspi) {
  const page = await browser.newPage();
  page.on('console', (message) => {
    const chatter = /^(INFO|VERBOSE):/.test(message.text());
    if (['error', 'warning'].includes(message.type()) && !chatter) messages.push(message.text());
  });
  await page.goto(origin);
  await page.waitForFunction('self.ready', null, {timeout: seconds * 1000});
  const loaded = await page.evaluate(
      (options) => self.load(options), {url: `${jobUrl}/model`, accelerator, precision, jspi});
  if (accelerator === 'webgpu' && !jspi && !loaded.fullyAccelerated) {
    throw new Error('only a part of the graph is for WebGPU');
  }
  const outputs = [];
  for (let index = 0; index < images; index++) {
    outputs.push(await page.evaluate(
        (urls) => self.run(...urls), [`${jobUrl}/in_${index}`, `${jobUrl}/out_${index}`]));
  }
  return {...loaded, jspi, outputs, gpu: await page.evaluate(() => self.gpu)};
}

let browser;
let result;
try {
  browser = await chromium.launch({
    executablePath,
    headless: true,
    args: FLAGS,
    env: libraries ? {...process.env, LD_LIBRARY_PATH: libraries} : process.env,
  });
  try {
    result = await session(browser, false);
  } catch (error) {
    // Only the JSPI build runs a graph on WebGPU and wasm together, or takes integer inputs.
    if (accelerator !== 'webgpu') throw error;
    messages.length = 0;
    result = await session(browser, true);
  }
  result.version = browser.version();
} catch (error) {
  result = {error: error.message};
} finally {
  await browser?.close();
  server.close();
}
await writeFile(join(job, 'result.json'), JSON.stringify({...result, messages}));
