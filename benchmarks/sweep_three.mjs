// What three.js reads of glTF files: every triangle at rest, its place, colours and textures.
//
// npm install three; node sweep_three.mjs OUT FILE...   (called by sweep_meshes.py --three)
// Writes OUT/<number>.json for the file of that number, and every texture under its SHA-256.

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

globalThis.self = globalThis;
globalThis.navigator ??= { userAgent: '' };
globalThis.ProgressEvent ??= class extends Event {};
globalThis.createImageBitmap = async (blob) => ({ blob, width: 1, height: 1, close() {} });
const three = resolve('node_modules/three');
const THREE = await import(pathToFileURL(`${three}/build/three.module.js`));
const { GLTFLoader } = await import(pathToFileURL(`${three}/examples/jsm/loaders/GLTFLoader.js`));

const [out, ...files] = process.argv.slice(2);
const floats = (values) => Buffer.from(new Float32Array(values).buffer).toString('base64');

async function textureOf(texture) {
  if (!texture) return null;
  const bytes = Buffer.from(await texture.image.blob.arrayBuffer());
  const name = createHash('sha256').update(bytes).digest('hex');
  writeFileSync(`${out}/${name}`, bytes);
  return { name, wraps: [texture.wrapS, texture.wrapT] };
}

function places(geometry, texture, corners) {
  if (!texture) return corners.flatMap(() => [0, 0]);
  texture.updateMatrix();
  const uv = geometry.getAttribute(texture.channel ? `uv${texture.channel}` : 'uv');
  const at = new THREE.Vector2();
  return corners.flatMap((k) => at.fromBufferAttribute(uv, k).applyMatrix3(texture.matrix).toArray());
}

async function partsOf(mesh, parser) {
  const { geometry, material } = mesh;
  const n = geometry.getAttribute('position').count;
  const index = geometry.index ? Array.from(geometry.index.array) : [...Array(n).keys()];
  const corners = index.slice(0, 3 * Math.floor(index.length / 3));
  const colour = geometry.getAttribute('color');
  const known = parser.associations.get(mesh);
  const { meshes } = parser.json;
  const said = known?.meshes === undefined ? meshes[0].primitives[0] : meshes[known.meshes].primitives[known.primitives];
  const given = 'material' in said;
  const tints = corners.flatMap((k) => {
    const tint = material.color.clone();
    if (!given && !colour) tint.setRGB(NaN, NaN, NaN);
    if (material.vertexColors && colour) tint.multiply(new THREE.Color().fromBufferAttribute(colour, k));
    return tint.toArray();
  });
  const glow = (material.emissive ?? new THREE.Color(0, 0, 0)).clone();
  glow.multiplyScalar(material.emissiveIntensity ?? 1);
  const shown = {
    tints: floats(tints), uvs: floats(places(geometry, material.map, corners)),
    texture: await textureOf(material.map), glow: glow.toArray(),
    glowUvs: floats(places(geometry, material.emissiveMap, corners)),
    glowTexture: await textureOf(material.emissiveMap),
  };
  const counts = mesh.isInstancedMesh ? mesh.count : 1;
  return [...Array(counts).keys()].map((instance) => {
    const matrix = mesh.matrixWorld.clone();
    const own = new THREE.Matrix4();
    if (mesh.isInstancedMesh) { mesh.getMatrixAt(instance, own); matrix.multiply(own); }
    const at = new THREE.Vector3();
    const points = corners.flatMap((k) => mesh.getVertexPosition(k, at).applyMatrix4(matrix).toArray());
    return { corners: floats(points), ...shown };
  });
}

for (const [number, file] of files.entries()) {
  const manager = new THREE.LoadingManager();
  manager.setURLModifier((url) => {
    if (/^(data|blob):/.test(url)) return url;
    const path = resolve(dirname(file), decodeURIComponent(url.replace(/^\.\//, '')));
    return `data:application/octet-stream;base64,${readFileSync(path).toString('base64')}`;
  });
  const found = { parts: [] };
  try {
    const content = readFileSync(file);
    const data = content.buffer.slice(content.byteOffset, content.byteOffset + content.length);
    const { scene, parser } = await new GLTFLoader(manager).parseAsync(data, '');
    scene.updateMatrixWorld(true);
    const meshes = [];
    scene.traverseVisible((node) => { if (node.isMesh) meshes.push(node); });
    for (const mesh of meshes) {
      if (mesh.isSkinnedMesh) mesh.skeleton.update();
      found.parts.push(...await partsOf(mesh, parser));
    }
  } catch (error) {
    found.error = String(error.message ?? error);
  }
  writeFileSync(`${out}/${number}.json`, JSON.stringify(found));
}
