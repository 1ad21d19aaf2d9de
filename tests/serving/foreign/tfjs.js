// SPDX-License-Identifier: Apache-2.0
// A SavedModel in Node.js: NODE_PATH=... node tfjs.js FOLDER

const fs = require('fs');
const tf = require('@tensorflow/tfjs-node');

async function main(folder) {
  const asked = JSON.parse(fs.readFileSync(`${folder}/asked.json`));
  const load = (name) => tf.node.loadSavedModel(asked.model, ['serve'], name);
  const [ofImages, ofFiles] = [await load('serving_default'), await load('image_bytes')];
  const files = asked.files.map((file) => new Uint8Array(Buffer.from(file, 'base64')));

  async function ask(model, inputs) {
    const outputs = model.predict(inputs);
    const answer = {};
    for (const [key, value] of Object.entries(outputs)) answer[key] = await value.array();
    tf.dispose([inputs, outputs]);
    return answer;
  }

  const said = {images: [], files: []};
  for (const size of asked.sizes) {
    const rows = asked.images.slice(0, size).flat(3);
    said.images.push(await ask(ofImages, {images: tf.tensor(rows, [size, 8, 8, 3])}));
  }
  for (const rows of asked.requests) {
    const strings = tf.tensor1d(rows.map((row) => files[row]), 'string');
    said.files.push(await ask(ofFiles, {image_bytes: strings}));
  }
  if (tf.memory().numTensors) throw new Error(`${tf.memory().numTensors} tensors left`);
  said.version = `tfjs-node ${tf.version['tfjs-node']}`;
  fs.writeFileSync(`${folder}/answers.json`, JSON.stringify(said));
}

main(process.argv[2]);
