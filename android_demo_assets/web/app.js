// The page: what is pressed, and the loop from picture to overlay.
import {readCatalogue, readModel, readSample} from './catalogue.js';
import {Clock} from './clock.js';
import {Engine} from './engine.js';
import {Legend} from './legend.js';
import {Overlay, Sampler} from './overlay.js';
import {webGpuFailed} from './problems.js';
import {screen} from './screen.js';
import {cameraCount, openCamera, openFile} from './sources.js';

const find = (id) => document.getElementById(id);
const engine = new Engine();
const sampler = new Sampler();

let catalogue;
let overlay;
let legend;
let model; // {name, content}
let size; // of the model's input, how it runs
let source; // of sources.js
let facing = 'environment';
let turn = 0; // of the running loop: a later one ends the earlier
let asked = Promise.resolve(); // the engine takes one question at a time

async function start() {
  await offlineCopy();
  catalogue = await readCatalogue();
  const {labels, models, palette} = catalogue;
  overlay = new Overlay(find('picture'), find('mask'), palette);
  legend = new Legend(find('legend'), labels, palette, (...change) => overlay.setVisible(...change));
  for (const {file, format, bytes} of models) {
    find('model').add(new Option(`${format}, ${megabytes(bytes)}: ${file}`, file));
  }
  const wish = new URLSearchParams(location.search).get('accelerator');
  if (wish) find('accelerator').value = wish;
  fade();
  connect();
  await act(useSample, openListed); // the model finds the picture there
}

/** Has a service worker keep what is loaded; goes on without one where there is none. */
async function offlineCopy() {
  const workers = navigator.serviceWorker;
  if (!workers) return;
  try {
    await workers.register('sw.js');
    const controlled = new Promise((go) => workers.addEventListener('controllerchange', go));
    // The model and LiteRT.js are to pass through it; a forced reload keeps it out.
    const soon = new Promise((go) => setTimeout(go, 3000));
    if (!workers.controller) await Promise.race([controlled, soon]);
  } catch {
    // Refused, as for a certificate that the user had to accept: then there is no offline copy.
  }
}

function connect() {
  find('opacity').addEventListener('input', fade);
  find('unsure').addEventListener('change', () => overlay.setFading(find('unsure').checked));
  find('show-all').addEventListener('click', () => legend.setAll(true));
  find('show-none').addEventListener('click', () => legend.setAll(false));
  find('use-sample').addEventListener('click', () => act(useSample));
  find('use-file').addEventListener('click', () => find('file').click());
  find('use-camera').addEventListener('click', () => act(useCamera));
  find('open-model').addEventListener('click', () => find('model-file').click());
  find('file').addEventListener('change', () => chosen(find('file'), useFile));
  find('model-file').addEventListener('change', () => chosen(find('model-file'), openOwn));
  find('model').addEventListener('change', () => act(openListed));
  find('accelerator').addEventListener('change', () => act(compile));
  find('problem-close').addEventListener('click', () => screen.noProblem());
  find('pause').addEventListener('click', () => {
    source.toggle();
    screen.paused(source.paused);
  });
  find('turn').addEventListener('click', () => {
    facing = facing === 'user' ? 'environment' : 'user';
    act(useCamera);
  });
  const stage = find('stage');
  stage.addEventListener('pointermove', tell);
  stage.addEventListener('pointerdown', tell);
  stage.addEventListener('pointerleave', () => screen.under(''));
  stage.addEventListener('dragover', (event) => event.preventDefault());
  stage.addEventListener('drop', (event) => {
    event.preventDefault();
    const [file] = event.dataTransfer.files;
    if (file) act(async () => file.name.endsWith('.tflite') ? openOwn(file) : useFile(file));
  });
}

/** Runs what was pressed; what it throws is shown. */
async function act(...works) {
  screen.noProblem();
  for (const work of works) await work().catch((error) => screen.problem(error));
}

async function chosen(input, use) {
  const [file] = input.files;
  if (file) await act(() => use(file));
  input.value = ''; // the same file can be chosen again
}

async function openListed() {
  const file = find('model').value;
  screen.wait('Loading the model');
  const entry = catalogue.models.find((listed) => listed.file === file);
  await take({name: file, content: await readModel(entry)});
}

async function openOwn(file) {
  await take({name: file.name, content: new Uint8Array(await file.arrayBuffer())});
}

/** Puts another model in place of the one there is, which stays if the other is refused. */
async function take(next) {
  const before = model;
  model = next;
  try {
    await compile();
  } catch (error) {
    model = before;
    if (before) await compile();
    throw error;
  }
}

async function compile(wish = find('accelerator').value) {
  turn++;
  screen.wait('Preparing the model');
  const {name, content} = model;
  asked = asked.catch(() => {}).then(
      () => engine.open(name, content, wish, catalogue.labels.length));
  size = await asked;
  const listed = [...find('model').options].some(({value}) => value === name);
  if (!listed) find('model').add(new Option(name, name));
  find('model').value = name;
  screen.runsOn(size.runsOn);
  find('unsure-row').hidden = !size.unsure;
  const threads = size.threads > 1 ? `, ${size.threads} threads` : '';
  screen.facts(`Sees ${size.width} × ${size.height} pixels${threads}. ${size.note}`);
  screen.status(`${name} runs on ${size.runsOn}${threads}. ${size.note}`);
  screen.rest();
  if (source) await loop();
}

async function useSample() {
  const file = await readSample(catalogue);
  if (file) await look('sample', await openFile(file));
}

async function useFile(file) {
  await look('file', await openFile(file));
}

async function useCamera() {
  screen.wait('Waiting for the camera');
  if (source?.live) letGo(); // phones give one camera at a time
  await look('camera', await openCamera(facing), {cameras: await cameraCount()});
}

function letGo() {
  turn++;
  source?.stop();
  source = null;
  screen.source('');
}

async function look(kind, next, more = {}) {
  letGo();
  source = next;
  screen.source(kind, {live: next.live, ...more});
  await loop();
}

/** Segments the source's picture, or each of its pictures until something else is wanted. */
async function loop() {
  const mine = ++turn;
  const now = source;
  if (!engine.ready) return screen.rest();
  const ran = new Clock();
  const shown = new Clock();
  let first = true;
  do {
    const bitmap = await now.next(first);
    if (!bitmap || mine !== turn) return bitmap?.close();
    const start = performance.now();
    const result = await segment(bitmap, mine);
    if (!result) return bitmap.close();
    find('stage').style.setProperty('--ratio', bitmap.width / bitmap.height);
    overlay.show(bitmap, result.labels, size.width, size.height, result.unsure);
    bitmap.close();
    const shares = legend.count(result.labels);
    ran.add(result.milliseconds);
    shown.add(performance.now() - start);
    screen.times(ran.median, shown.median, now.live);
    overlay.description = `${now.name}: ${shares.join(', ')}`;
    if (first) {
      screen.rest();
      screen.status(now.live ? `${now.name} is running.` :
        `${now.name}: ${shares.length > 3 ? 'mostly ' : ''}${shares.slice(0, 3).join(', ')}.`);
    }
    find('stage').dataset.frames = 1 + Number(find('stage').dataset.frames ?? 0);
    first = false;
    await new Promise((go) => requestAnimationFrame(go)); // none comes while the page is hidden
  } while (now.live && mine === turn);
}

/** The model's answer; `null` if something else was wanted meanwhile. */
async function segment(bitmap, mine) {
  const image = sampler.read(bitmap, size.width, size.height);
  asked = asked.catch(() => {}).then(() => mine === turn ? engine.segment(image) : null);
  try {
    const result = await asked;
    return mine === turn ? result : null;
  } catch (error) {
    if (mine !== turn) return null;
    if (size.accelerator !== 'webgpu') throw error;
    screen.problem(webGpuFailed(error));
    await compile('wasm'); // and the loop anew
    return null;
  }
}

function fade() {
  const percent = find('opacity').value;
  find('opacity-value').textContent = `${percent} %`;
  find('opacity').setAttribute('aria-valuetext', `${percent} %`);
  overlay.setOpacity(percent / 100);
}

/** Names the class under the finger or the mouse. */
function tell(event) {
  const box = find('stage').getBoundingClientRect();
  const x = (event.clientX - box.left) / box.width;
  const y = (event.clientY - box.top) / box.height;
  screen.under(catalogue.labels[overlay.classAt(x, y)] ?? '', x, y);
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)}\u00a0MB`;
}

start().catch((error) => screen.problem(error));
