// Where pictures come from. Each source has
//   name, live            what it is, and whether another picture follows;
//   next(first)           the next ImageBitmap; waits while paused, unless it is the first;
//   stop()                lets go of camera and memory.
// Live ones have paused and toggle() too.
import {cameraProblem, insecureCamera, undecodable} from './problems.js';

/** A picture or a video of this device. */
export async function openFile(file) {
  // The type is a guess from the name: what is neither is tried as a picture.
  return file.type.startsWith('video/') ? openVideo(file) : openPicture(file);
}

async function openPicture(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file); // turns it as its EXIF says
  } catch {
    throw undecodable(file);
  }
  return {
    name: file.name,
    live: false,
    next: () => createImageBitmap(bitmap),
    stop: () => bitmap.close(),
  };
}

async function openVideo(file) {
  const url = URL.createObjectURL(file);
  const video = element();
  video.loop = true;
  video.src = url;
  try {
    await video.play();
    if (!video.videoWidth) throw new Error('sound only');
  } catch {
    URL.revokeObjectURL(url);
    throw undecodable(file);
  }
  return playing(video, file.name, () => URL.revokeObjectURL(url));
}

/** @param {'environment' | 'user'} facing away from the user or towards. */
export async function openCamera(facing) {
  if (!navigator.mediaDevices?.getUserMedia) throw insecureCamera();
  let stream;
  const video = element();
  try {
    stream = await navigator.mediaDevices.getUserMedia(
        {video: {facingMode: facing, width: {ideal: 1280}, height: {ideal: 720}}});
    video.srcObject = stream;
    await video.play();
  } catch (error) {
    for (const track of stream?.getTracks() ?? []) track.stop();
    throw cameraProblem(error);
  }
  return playing(video, 'Camera', () => {
    for (const track of stream.getTracks()) track.stop();
  });
}

export async function cameraCount() {
  const devices = await navigator.mediaDevices?.enumerateDevices() ?? [];
  return devices.filter(({kind}) => kind === 'videoinput').length;
}

function element() {
  const video = document.createElement('video');
  video.muted = true;
  video.playsInline = true; // iPhones go to full screen otherwise
  return video;
}

function playing(video, name, release) {
  let stopped = false;
  return {
    name,
    live: true,
    get paused() {
      return video.paused;
    },
    toggle() {
      if (video.paused) video.play().catch(() => {}); // stays paused
      else video.pause();
    },
    async next(first) {
      if (!first && video.paused) {
        await new Promise((go) => video.addEventListener('play', go, {once: true}));
      }
      return stopped ? null : createImageBitmap(video);
    },
    stop() {
      stopped = true;
      video.dispatchEvent(new Event('play')); // wakes who waits in next()
      video.pause();
      video.removeAttribute('src');
      video.srcObject = null;
      release();
    },
  };
}
