// Runs of a graph's session, each on a worker thread.
#include "graph/graph.h"

namespace visualbert {
namespace {

// What a run does with its results.
enum class Results {
  kCopied = 0,
  kHeld = 1,    // stay on the native side: the way a session passes its variables to the next one
  kShared = 2,  // JavaScript gets TensorFlow's own memory, which nothing may write to from then on
};

// One call of TF_SessionRun on libuv's thread pool.
struct Run {
  napi_async_work work = nullptr;
  napi_ref graph_reference = nullptr;  // keeps the graph while the run lasts
  napi_ref callback = nullptr;
  Graph* graph = nullptr;
  std::vector<TF_Output> feeds;
  std::vector<TensorPointer> feed_tensors;
  std::vector<TF_Output> fetches;
  std::vector<TF_Operation*> targets;
  std::vector<TensorPointer> results;
  std::string run_options;  // serialized tensorflow.RunOptions
  Results how = Results::kCopied;
  TF_Buffer* metadata = nullptr;
  std::string error;

  ~Run() {
    if (metadata != nullptr) TF_DeleteBuffer(metadata);
  }
};

void execute(napi_env, void* data) {
  Run* run = static_cast<Run*>(data);
  Status status;
  std::vector<TF_Tensor*> inputs;
  for (const TensorPointer& tensor : run->feed_tensors) inputs.push_back(tensor.get());
  std::vector<TF_Tensor*> outputs(run->fetches.size(), nullptr);
  std::unique_ptr<TF_Buffer, void (*)(TF_Buffer*)> options(nullptr, TF_DeleteBuffer);
  if (!run->run_options.empty()) {
    options.reset(TF_NewBufferFromString(run->run_options.data(), run->run_options.size()));
    run->metadata = TF_NewBuffer();
  }
  TF_SessionRun(run->graph->session, options.get(), run->feeds.data(), inputs.data(), static_cast<int>(inputs.size()),
                run->fetches.data(), outputs.data(), static_cast<int>(outputs.size()), run->targets.data(),
                static_cast<int>(run->targets.size()), run->metadata, status);
  for (TF_Tensor* tensor : outputs) run->results.emplace_back(tensor);
  if (!status.ok()) run->error = status.message();
  run->feed_tensors.clear();
}

// The memory of a tensor as an ArrayBuffer, which keeps the tensor.
napi_value share_buffer(napi_env env, TensorPointer& tensor) {
  napi_value buffer;
  const auto finalize = [](napi_env, void*, void* owner) { TF_DeleteTensor(static_cast<TF_Tensor*>(owner)); };
  require(napi_create_external_arraybuffer(env, TF_TensorData(tensor.get()), TF_TensorByteSize(tensor.get()), finalize, tensor.get(), &buffer),
          "shared array");
  tensor.release();
  return buffer;
}

napi_value describe_result(napi_env env, TensorPointer& tensor, Results how) {
  if (how == Results::kHeld) return make_external(env, new HeldTensor{std::move(tensor)});
  napi_value result;
  require(napi_create_object(env, &result), "object");
  set(env, result, "dtype", make_number(env, TF_TensorType(tensor.get())));
  const int rank = TF_NumDims(tensor.get());
  napi_value shape = make_array(env, static_cast<size_t>(rank));
  for (int i = 0; i < rank; ++i) napi_set_element(env, shape, i, make_number(env, static_cast<double>(TF_Dim(tensor.get(), i))));
  set(env, result, "shape", shape);
  const size_t size = TF_TensorByteSize(tensor.get());
  const bool shares = how == Results::kShared && size > 0;
  set(env, result, "buffer", shares ? share_buffer(env, tensor) : make_buffer(env, TF_TensorData(tensor.get()), size));
  return result;
}

// Calls back with (error message or null, results, RunMetadata or null).
void complete(napi_env env, napi_status, void* data) {
  std::unique_ptr<Run> run(static_cast<Run*>(data));
  napi_value callback, receiver, ignored, values[3];
  napi_get_reference_value(env, run->callback, &callback);
  napi_get_undefined(env, &receiver);
  try {
    values[1] = make_array(env, run->results.size());
    values[2] = make_null(env);
    if (run->error.empty()) {
      for (size_t i = 0; i < run->results.size(); ++i) {
        napi_set_element(env, values[1], i, describe_result(env, run->results[i], run->how));
      }
      if (run->metadata != nullptr) values[2] = make_buffer(env, run->metadata->data, run->metadata->length);
    }
  } catch (const std::exception& error) {
    run->error = error.what();
  }
  values[0] = run->error.empty() ? make_null(env) : make_string(env, run->error);
  napi_delete_reference(env, run->callback);
  napi_delete_reference(env, run->graph_reference);
  napi_delete_async_work(env, run->work);
  run.reset();
  napi_call_function(env, receiver, callback, 3, values, &ignored);
}

}  // namespace

// run(graph, feeds, fetches, targets, runOptions, results, callback): feeds are [output number, { dtype, shape, data } or held tensor];
// `results` is one of Results. Feeds are copied before the call returns.
napi_value RunGraph(napi_env env, napi_value* args, size_t) {
  auto run = std::make_unique<Run>();
  run->graph = open_graph(env, args[0]);
  for_each(env, args[1], [&](napi_value pair) {
    napi_value reference, value;
    napi_get_element(env, pair, 0, &reference);
    napi_get_element(env, pair, 1, &value);
    run->feeds.push_back(run->graph->output(to_int(env, reference)));
    napi_valuetype type;
    napi_typeof(env, value, &type);
    run->feed_tensors.push_back(type == napi_external ? std::move(external<HeldTensor>(env, value)->tensor) : to_tensor(env, value));
    if (run->feed_tensors.back() == nullptr) throw std::runtime_error("a held tensor can be fed once");
  });
  for (int64_t reference : to_ints(env, args[2])) run->fetches.push_back(run->graph->output(reference));
  for (int64_t number : to_ints(env, args[3])) run->targets.push_back(run->graph->operation(number));
  const Bytes options = to_bytes(env, args[4]);
  run->run_options.assign(static_cast<const char*>(options.data), options.size);
  run->how = static_cast<Results>(to_int(env, args[5]));

  require(napi_create_async_work(env, nullptr, make_string(env, "visualbert:run"), execute, complete, run.get(), &run->work), "work");
  require(napi_create_reference(env, args[0], 1, &run->graph_reference), "reference");
  require(napi_create_reference(env, args[6], 1, &run->callback), "reference");
  require(napi_queue_async_work(env, run->work), "queue");
  run.release();  // `complete` owns it now
  return nullptr;
}

}  // namespace visualbert
