/** How loud the microphone hears. */

import { audio } from './sound.js';

const EVERY = 80;

/**
 * Measures until stopped.
 * @param {MediaStreamTrack} track
 * @param {(level: number) => void} heard 0 (silence) to 100 (loud)
 * @returns {() => void} stops it
 */
export function hearLevel(track, heard) {
  const source = audio().createMediaStreamSource(new MediaStream([track]));
  const analyser = new AnalyserNode(audio(), { fftSize: 1024 });
  source.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    heard(levelOf(samples));
  }, EVERY);
  return () => {
    clearInterval(timer);
    source.disconnect();
  };
}

/**
 * Ears hear by ratios, so the level is in decibels: -60 and below is silence.
 * @param {Float32Array} samples
 */
function levelOf(samples) {
  const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
  const decibels = 10 * Math.log10(power + 1e-9);
  return Math.min(100, Math.max(0, (decibels + 60) * 2));
}
