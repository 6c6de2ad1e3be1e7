// Operations, added to a graph one by one as they are recorded.
#include "graph/graph.h"

namespace visualbert {
namespace {

// One { name, type, value }, type as in TF_AttrType: the form that tfjs's kernels write.
void set_attribute(napi_env env, TF_OperationDescription* description, napi_value attribute) {
  const std::string name = to_string(env, property(env, attribute, "name"));
  const napi_value value = property(env, attribute, "value");
  const bool list = is_array(env, value);
  Status status;
  switch (static_cast<TF_AttrType>(to_int(env, property(env, attribute, "type")))) {
    case TF_ATTR_STRING: {
      const std::string text = to_string(env, value);
      TF_SetAttrString(description, name.c_str(), text.data(), text.size());
      break;
    }
    case TF_ATTR_INT:
      if (list) {
        const std::vector<int64_t> numbers = to_ints(env, value);
        TF_SetAttrIntList(description, name.c_str(), numbers.data(), static_cast<int>(numbers.size()));
      } else {
        TF_SetAttrInt(description, name.c_str(), to_int(env, value));
      }
      break;
    case TF_ATTR_FLOAT:
      if (list) {
        std::vector<float> numbers;
        for_each(env, value, [&](napi_value element) { numbers.push_back(static_cast<float>(to_double(env, element))); });
        TF_SetAttrFloatList(description, name.c_str(), numbers.data(), static_cast<int>(numbers.size()));
      } else {
        TF_SetAttrFloat(description, name.c_str(), static_cast<float>(to_double(env, value)));
      }
      break;
    case TF_ATTR_BOOL:
      if (list) {
        std::vector<unsigned char> flags;
        for_each(env, value, [&](napi_value element) { flags.push_back(to_bool(env, element) ? 1 : 0); });
        TF_SetAttrBoolList(description, name.c_str(), flags.data(), static_cast<int>(flags.size()));
      } else {
        TF_SetAttrBool(description, name.c_str(), to_bool(env, value) ? 1 : 0);
      }
      break;
    case TF_ATTR_TYPE:
      TF_SetAttrType(description, name.c_str(), static_cast<TF_DataType>(to_int(env, value)));
      break;
    case TF_ATTR_SHAPE: {
      const std::vector<int64_t> shape = to_ints(env, value);
      TF_SetAttrShape(description, name.c_str(), shape.data(), static_cast<int>(shape.size()));
      break;
    }
    case TF_ATTR_TENSOR:
      TF_SetAttrTensor(description, name.c_str(), to_tensor(env, value).get(), status);
      status.check();
      break;
    default:
      throw std::runtime_error("attribute " + name + " has a type that cannot be recorded");
  }
}

// Number, dtype and shape of an output: -1 for an unknown size, null for an unknown rank.
napi_value describe_output(napi_env env, TF_Graph* graph, TF_Output output, size_t number) {
  Status status;
  napi_value description, shape;
  require(napi_create_object(env, &description), "object");
  set(env, description, "number", make_number(env, static_cast<double>(number)));
  set(env, description, "dtype", make_number(env, TF_OperationOutputType(output)));
  const int rank = TF_GraphGetTensorNumDims(graph, output, status);
  status.check();
  if (rank < 0) {
    shape = make_null(env);
  } else {
    std::vector<int64_t> sizes(static_cast<size_t>(rank));
    TF_GraphGetTensorShape(graph, output, sizes.data(), rank, status);
    status.check();
    shape = make_array(env, sizes.size());
    for (size_t i = 0; i < sizes.size(); ++i) napi_set_element(env, shape, i, make_number(env, static_cast<double>(sizes[i])));
  }
  set(env, description, "shape", shape);
  return description;
}

}  // namespace

// addOperation(graph, type, name, inputs, attributes, controls, colocated): inputs are output numbers, or arrays of them where the operation takes
// a list; controls are operation numbers; `colocated` is the number of an operation whose device this one shares, or null.
// Returns { operation, outputs: [{ number, dtype, shape }] }.
napi_value AddOperation(napi_env env, napi_value* args, size_t) {
  Graph* graph = open_graph(env, args[0]);
  const std::string type = to_string(env, args[1]);
  const std::string name = to_string(env, args[2]);
  TF_OperationDescription* description = TF_NewOperation(graph->graph, type.c_str(), name.c_str());
  std::string failure;
  try {
    for_each(env, args[3], [&](napi_value input) {
      if (!is_array(env, input)) return TF_AddInput(description, graph->output(to_int(env, input)));
      std::vector<TF_Output> list;
      for (int64_t reference : to_ints(env, input)) list.push_back(graph->output(reference));
      TF_AddInputList(description, list.data(), static_cast<int>(list.size()));
    });
    for_each(env, args[4], [&](napi_value attribute) { set_attribute(env, description, attribute); });
    for (int64_t control : to_ints(env, args[5])) TF_AddControlInput(description, graph->operation(control));
    if (!is_null(env, args[6])) TF_ColocateWith(description, graph->operation(to_int(env, args[6])));
  } catch (const std::exception& error) {
    failure = error.what();  // an operation description can only be freed by finishing it
  }
  Status status;
  TF_Operation* operation = TF_FinishOperation(description, status);
  if (!failure.empty()) throw std::runtime_error(failure);
  status.check();
  graph->operations.push_back(operation);

  napi_value result;
  require(napi_create_object(env, &result), "object");
  set(env, result, "operation", make_number(env, static_cast<double>(graph->operations.size() - 1)));
  const int count = TF_OperationNumOutputs(operation);
  napi_value outputs = make_array(env, static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    graph->outputs.push_back({operation, i});
    napi_set_element(env, outputs, i, describe_output(env, graph->graph, graph->outputs.back(), graph->outputs.size() - 1));
  }
  set(env, result, "outputs", outputs);
  return result;
}

// operationDefinition(graph, type): the serialized tensorflow.OpDef.
napi_value OperationDefinition(napi_env env, napi_value* args, size_t) {
  Status status;
  std::unique_ptr<TF_Buffer, void (*)(TF_Buffer*)> buffer(TF_NewBuffer(), TF_DeleteBuffer);
  TF_GraphGetOpDef(open_graph(env, args[0])->graph, to_string(env, args[1]).c_str(), buffer.get(), status);
  status.check();
  return make_buffer(env, buffer->data, buffer->length);
}

// graphDefinition(graph): the serialized tensorflow.GraphDef, with the attributes that TensorFlow has inferred.
napi_value GraphDefinition(napi_env env, napi_value* args, size_t) {
  Status status;
  std::unique_ptr<TF_Buffer, void (*)(TF_Buffer*)> buffer(TF_NewBuffer(), TF_DeleteBuffer);
  TF_GraphToGraphDef(open_graph(env, args[0])->graph, buffer.get(), status);
  status.check();
  return make_buffer(env, buffer->data, buffer->length);
}

// registeredKernels(type): the serialized tensorflow.KernelList of an operation, for every kind of device that these libraries know.
napi_value RegisteredKernels(napi_env env, napi_value* args, size_t) {
  Status status;
  const std::string type = to_string(env, args[0]);
  std::unique_ptr<TF_Buffer, void (*)(TF_Buffer*)> buffer(TF_GetRegisteredKernelsForOp(type.c_str(), status), TF_DeleteBuffer);
  status.check();
  return make_buffer(env, buffer->data, buffer->length);
}

}  // namespace visualbert
