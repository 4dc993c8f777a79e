// The page: what is pressed, and which models and pictures are shown.
import {readCatalogue, readSample} from './catalogue.js';
import {connectDrop, sorted} from './files.js';
import {Legend} from './legend.js';
import {Models} from './models.js';
import {offlineCopy} from './offline.js';
import {Pane} from './pane.js';
import {Player} from './player.js';
import {connectProbe} from './probe.js';
import {webGpuFailed} from './problems.js';
import {screen} from './screen.js';
import {cameraCount, openCamera, openFile} from './sources.js';

const find = (id) => document.getElementById(id);
const panes = [new Pane(''), new Pane('-b')];
const [main, second] = panes;
const legends = [new Legend(''), new Legend('-b')];
const lists = [find('model'), find('model-b')];
const models = new Models(lists);
const player = new Player(panes, drawn, failed);

let catalogue = {models: [], labels: [], palette: []}; // manifest.json
let facing = 'environment';

async function start() {
  const wish = new URLSearchParams(location.search).get('accelerator');
  if (wish) find('accelerator').value = wish;
  fade();
  connect();
  await offlineCopy();
  await act(async () => {
    catalogue = await readCatalogue();
    models.addListed(catalogue.models);
    await act(useSample, () => openListed(main)); // the model finds the picture there
  });
}

function connect() {
  find('opacity').addEventListener('input', fade);
  find('unsure').addEventListener('change', () =>
    panes.forEach(({overlay}) => overlay.setView(find('unsure').value)));
  find('use-sample').addEventListener('click', () => act(useSample));
  find('use-file').addEventListener('click', () => find('file').click());
  find('use-camera').addEventListener('click', () => act(useCamera));
  find('open-model').addEventListener('click', () => find('model-file').click());
  for (const id of ['file', 'model-file']) {
    find(id).addEventListener('change', () => chosen(find(id)));
  }
  find('model').addEventListener('change', () => act(() => openListed(main)));
  find('model-b').addEventListener('change', () => act(() =>
    find('model-b').value ? openListed(second) : closeSecond()));
  find('accelerator').addEventListener('change', () => act(openAnew));
  find('problem-close').addEventListener('click', () => screen.noProblem());
  find('pause').addEventListener('click', () => {
    player.source.toggle();
    screen.paused(player.source.paused);
  });
  find('turn').addEventListener('click', () => {
    facing = facing === 'user' ? 'environment' : 'user';
    act(useCamera);
  });
  connectProbe(panes);
  connectDrop(take, act);
}

/** Runs what was pressed, one after the other; what it throws is shown. Then pictures go on. */
async function act(...works) {
  screen.noProblem();
  const told = (error) => {
    panes.forEach((pane) => pane.rest());
    screen.problem(error);
  };
  for (const work of works) await work().catch(told);
  await player.goOn().catch(told);
}

async function chosen(input) {
  const files = [...input.files];
  input.value = ''; // the same file can be chosen again
  if (files.length) await act(async () => take(await sorted(files)));
}

/** Models and a picture: two models are compared, one goes where it was dropped. */
async function take({models: files, pictures}, target = null) {
  const [first] = files.length === 1 && target?.closest('#pane-b') ? [second] : panes;
  for (const [index, file] of files.slice(0, 2).entries()) {
    const {model, keep} = await models.addOwn(file);
    await put(index ? second : first, model);
    keep();
    chosenModels();
  }
  if (pictures.length) player.play('file', await openFile(pictures[0]));
}

async function openListed(pane) {
  showSecond(pane === second || second.ready);
  pane.wait('Loading the model');
  try {
    await put(pane, await models.read(lists[panes.indexOf(pane)].value));
  } finally {
    showSecond(second.ready);
    chosenModels();
  }
}

async function openAnew() {
  for (const pane of panes) if (pane.ready) await put(pane, pane.model);
}

/** Puts a model into a pane in place of the one there is, which stays if the other is refused. */
async function put(pane, model, wish = find('accelerator').value) {
  player.halt();
  const before = pane.model;
  showSecond(pane === second || second.ready);
  try {
    if (!await pane.open(model, wish, catalogue)) return;
    tellModel(pane);
  } catch (error) {
    if (before && before !== model) await pane.open(before, wish, catalogue);
    throw error;
  } finally {
    player.halt(); // another wish may have begun to show pictures meanwhile
    arrange();
  }
}

async function closeSecond() {
  second.close();
  player.halt();
  arrange();
}

/** One legend for both models if their classes are the same, else one each. */
function arrange() {
  const open = panes.filter(({ready}) => ready);
  const [one, two] = open;
  const same = two && one.classes.names.join('\n') === two.classes.names.join('\n');
  legends[0].show(same ? open : open.slice(0, 1));
  legends[1].show(same ? [] : open.slice(1));
  find('unsure-row').hidden = !open.some(({opened}) => opened.face.unsure);
  showSecond(second.ready);
  if (!two) screen.agreement('');
  chosenModels();
}

function showSecond(shown) {
  find('pane-b').hidden = !shown;
  find('panes').classList.toggle('two', shown);
  if (!shown) find('model-facts-b').textContent = '';
}

/** The lists show what is open. */
function chosenModels() {
  panes.forEach((pane, index) => lists[index].value = pane.model?.name ?? '');
}

function tellModel(pane) {
  const {face, classes, said, threads, runsOn, note} = pane.opened;
  const passes = said.uncertainty?.samples;
  const facts = [
    `Sees ${face.input.width} × ${face.input.height} pixels` +
      `${face.input.channels === 1 ? ' in grey' : ''}${threads > 1 ? `, ${threads} threads` : ''}.`,
    classes.note,
    face.unsure ? `Says how unsure it is${passes > 1 ? `, over ${passes} passes` : ''}.` : '',
    said.damage, note,
  ].filter(Boolean).join(' ');
  pane.find('model-facts').textContent = facts;
  screen.status(`${pane.model.name} runs on ${runsOn}. ${facts}`);
}

function drawn(pane, {shares, grown}) {
  if (grown) {
    arrange();
    pane.overlay.paint();
  }
  for (const legend of legends) legend.count(pane, shares);
}

async function failed(pane, error) {
  if (pane.opened?.accelerator !== 'webgpu') throw error;
  screen.problem(webGpuFailed(error));
  await put(pane, pane.model, 'wasm');
  await player.run();
}

async function useSample() {
  const file = await readSample(catalogue);
  if (file) player.play('sample', await openFile(file));
}

async function useCamera() {
  panes.forEach((pane) => pane.wait('Waiting for the camera'));
  if (player.source?.live) player.stop(); // phones give one camera at a time
  player.play('camera', await openCamera(facing), {cameras: await cameraCount()});
}

function fade() {
  const percent = find('opacity').value;
  find('opacity-value').textContent = `${percent} %`;
  find('opacity').setAttribute('aria-valuetext', `${percent} %`);
  panes.forEach(({overlay}) => overlay.setOpacity(percent / 100));
}

start().catch((error) => screen.problem(error));
