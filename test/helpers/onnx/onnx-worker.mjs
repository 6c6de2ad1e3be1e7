// Runs ONNX models for test/helpers/onnx/onnx.ts. A worker: onnxruntime-node makes arrays of Node's own realm, which jest's copy of its classes refuses.
import { parentPort } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';

parentPort?.on('message', async ({ path, inputs }) => {
  try {
    const session = await InferenceSession.create(path);
    const tensors = Object.entries(inputs).map(([name, { type, data, dims }]) => [name, new Tensor(type, data, dims)]);
    const outputs = await session.run(Object.fromEntries(tensors));
    await session.release();
    const plain = Object.entries(outputs).map(([name, { dims, data }]) => [name, { shape: dims, data }]);
    parentPort?.postMessage({ outputs: Object.fromEntries(plain) });
  } catch (error) {
    parentPort?.postMessage({ error: String(error) });
  }
});
