// What three.js reads of mesh files: every triangle at rest, its place, colours and textures.
//
// Colours of OBJ, PLY and STL, which are sRGB, are written as hyp has them: squared. Those that a
// file does not give are NaN.
//
// npm install three; node sweep_three.mjs OUT FILE...   (called by sweep_meshes.py --three)
// Writes OUT/<number>.json for the file of that number, and every texture under its SHA-256.

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

globalThis.self = globalThis;
globalThis.navigator ??= { userAgent: '' };
globalThis.ProgressEvent ??= class extends Event {};
globalThis.createImageBitmap = async (blob) => ({ blob, width: 1, height: 1, close() {} });
const three = resolve('node_modules/three');
const THREE = await import(pathToFileURL(`${three}/build/three.module.js`));
const loaders = {};
for (const kind of ['GLTF', 'OBJ', 'MTL', 'PLY', 'STL']) {
  const name = `${kind}Loader`;
  loaders[kind] = (await import(pathToFileURL(`${three}/examples/jsm/loaders/${name}.js`)))[name];
}

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
  return corners.flatMap((k) => {
    const [u, v] = at.fromBufferAttribute(uv, k).applyMatrix3(texture.matrix).toArray();
    return [u, texture.flipY ? 1 - v : v];
  });
}

async function partsOf(mesh, material, group, { isGiven, isLinear }) {
  const { geometry } = mesh;
  const n = geometry.getAttribute('position').count;
  const index = geometry.index ? Array.from(geometry.index.array) : [...Array(n).keys()];
  const some = index.slice(group.start, group.start + group.count);
  const corners = some.slice(0, 3 * Math.floor(some.length / 3));
  const colour = geometry.getAttribute('color');
  const given = isGiven(mesh, material);
  const tints = corners.flatMap((k) => {
    const tint = material.color.clone();
    if (!given && !colour) tint.setRGB(NaN, NaN, NaN);
    if (material.vertexColors && colour) tint.multiply(new THREE.Color().fromBufferAttribute(colour, k));
    return isLinear ? tint.toArray() : tint.convertLinearToSRGB().toArray().map((c) => c * c);
  });
  const glow = (material.emissive ?? new THREE.Color(0, 0, 0)).clone();
  glow.multiplyScalar(material.emissiveIntensity ?? 1);
  const shone = isLinear ? glow.toArray() : glow.convertLinearToSRGB().toArray().map((c) => c * c);
  const shown = {
    tints: floats(tints), uvs: floats(places(geometry, material.map, corners)),
    texture: await textureOf(material.map), glow: shone,
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

function beside(file, url) {
  return readFileSync(resolve(dirname(file), decodeURIComponent(url.replace(/^\.\//, ''))));
}

async function readGltf(file, data) {
  const manager = new THREE.LoadingManager();
  manager.setURLModifier((url) => (/^(data|blob):/.test(url) ? url
    : `data:application/octet-stream;base64,${beside(file, url).toString('base64')}`));
  const { scene, parser } = await new loaders.GLTF(manager).parseAsync(data, '');
  const isGiven = (mesh) => {
    const known = parser.associations.get(mesh);
    const { meshes } = parser.json;
    const said = known?.meshes === undefined ? meshes[0].primitives[0]
      : meshes[known.meshes].primitives[known.primitives];
    return 'material' in said;
  };
  return { scene, isGiven, isLinear: true };
}

function readObj(file, content) {
  const text = content.toString('utf8');
  const manager = new THREE.LoadingManager();
  manager.addHandler(/./, { load: (url) => {
    const texture = new THREE.Texture({ blob: new Blob([beside(file, url.replace(/\\/g, '/'))]) });
    texture.wrapS = texture.wrapT = THREE.RepeatWrapping;
    return texture;
  } });
  const creator = new loaders.MTL(manager).parse('', '');
  for (const name of new loaders.OBJ().parse(text).materialLibraries) {
    const found = new loaders.MTL(manager).parse(beside(file, name).toString('utf8'), '');
    creator.materialsInfo = { ...found.materialsInfo, ...creator.materialsInfo };
  }
  const loader = new loaders.OBJ();
  if (Object.keys(creator.materialsInfo).length) loader.setMaterials(creator);
  const scene = loader.parse(text);
  const isGiven = (_, { name, map }) => map !== null || 'kd' in (creator.materialsInfo[name] ?? {});
  return { scene, isGiven, isLinear: false };
}

function readScan(geometry) {
  const vertexColors = geometry.hasAttribute('color');
  const scene = new THREE.Mesh(geometry, new THREE.MeshPhongMaterial({ vertexColors }));
  return { scene, isGiven: () => false, isLinear: false };
}

async function read(file) {
  const content = readFileSync(file);
  const data = content.buffer.slice(content.byteOffset, content.byteOffset + content.length);
  const kind = extname(file).toLowerCase();
  if (kind === '.obj') return readObj(file, content);
  if (kind === '.ply') return readScan(new loaders.PLY().parse(data));
  if (kind === '.stl') return readScan(new loaders.STL().parse(data));
  return readGltf(file, data);
}

for (const [number, file] of files.entries()) {
  let told;
  try {
    const parts = [];
    const { scene, ...how } = await read(file);
    scene.updateMatrixWorld(true);
    const meshes = [];
    scene.traverseVisible((node) => { if (node.isMesh) meshes.push(node); });
    for (const mesh of meshes) {
      if (mesh.isSkinnedMesh) mesh.skeleton.update();
      const whole = { start: 0, count: Infinity };
      const several = Array.isArray(mesh.material);
      for (const group of several ? mesh.geometry.groups : [whole]) {
        const material = several ? mesh.material[group.materialIndex] : mesh.material;
        parts.push(...await partsOf(mesh, material, group, how));
      }
    }
    told = JSON.stringify({ parts });
  } catch (error) {
    told = JSON.stringify({ error: String(error.message ?? error) });
  }
  writeFileSync(`${out}/${number}.json`, told);
}
