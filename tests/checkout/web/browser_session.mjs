// Does in headless Chromium what a list of steps says, and tells what it read.
//   node browser_session.mjs JOB     JOB: JSON, see page_session.py; the answer goes to stdout
import {createRequire} from 'node:module';
import {readFile} from 'node:fs/promises';

const job = JSON.parse(await readFile(process.argv[2], 'utf8'));
const {chromium} = createRequire(job.playwright)('playwright-core');
const milliseconds = job.seconds * 1000;

const result = {read: [], requests: [], said: []};
let browser;
try {
  browser = await chromium.launch({
    executablePath: job.browser,
    headless: true,
    args: job.flags,
    env: job.libraries ? {...process.env, LD_LIBRARY_PATH: job.libraries} : process.env,
  });
  const context = await browser.newContext({
    viewport: job.viewport,
    deviceScaleFactor: job.scale,
    permissions: job.permissions,
    colorScheme: job.colors,
    reducedMotion: 'reduce',
  });
  context.setDefaultTimeout(milliseconds);
  context.on('request', (request) => result.requests.push(request.url()));
  const page = await context.newPage();
  page.on('console', (message) => result.said.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => result.said.push(`pageerror: ${error.message}`));
  // Not waitForFunction: the page's security policy forbids eval, as it should.
  const wait = async (expression) => {
    const end = Date.now() + milliseconds;
    while (!await page.evaluate(expression)) {
      if (Date.now() > end) throw new Error('it did not come');
      await page.waitForTimeout(100);
    }
  };
  // As if the user had dragged these files there.
  const drop = async ([selector, paths]) => {
    const files = await Promise.all(paths.map(async (path) => (
      {name: path.split('/').at(-1), content: (await readFile(path)).toString('base64')})));
    await page.evaluate(({selector, files}) => {
      const dataTransfer = new DataTransfer();
      for (const {name, content} of files) {
        const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
        dataTransfer.items.add(new File([bytes], name));
      }
      for (const kind of ['dragenter', 'dragover', 'drop']) {
        document.querySelector(selector).dispatchEvent(
            new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer}));
      }
    }, {selector, files});
  };
  const actions = {
    drop,
    goto: (url) => page.goto(url),
    click: (selector) => page.click(selector),
    hover: ([x, y]) => page.mouse.move(x, y),
    choose: ([selector, files]) => page.setInputFiles(selector, files),
    select: ([selector, value]) => page.selectOption(selector, value),
    press: (key) => page.keyboard.press(key),
    wait,
    run: (expression) => page.evaluate(expression),
    read: async (expression) => result.read.push(await page.evaluate(expression)),
    screenshot: ([path, fullPage]) => page.screenshot({path, fullPage}),
    reload: () => page.reload(),
    kill: (pid) => process.kill(pid),
  };
  for (const [action, argument] of job.steps) {
    try {
      await actions[action](argument);
    } catch (error) {
      const state = await page.evaluate(
          'document.getElementById("problem").innerText + " | " + ' +
          'document.getElementById("status").innerText').catch(() => '');
      throw new Error(`${action} ${JSON.stringify(argument)}: ${error.message} [${state}]`);
    }
  }
} catch (error) {
  result.error = error.message;
} finally {
  await browser?.close();
}
console.log(JSON.stringify(result));
