// Handles of variables by number: one operation returns the variable whose number it is fed.
// TensorFlow does not accept a handle as a feed.
#ifndef VISUALBERT_VARIABLE_HANDLE_H_
#define VISUALBERT_VARIABLE_HANDLE_H_

#include <tensorflow/c/tf_tensor.h>

#include <cstdint>

namespace visualbert {

// Registers the operation VisualbertVariable(number) -> handle, once per process. Throws TensorFlow's error.
void register_variable_handle();

// Takes ownership of a handle until `forget_handle`. Returns its number.
int32_t keep_handle(TF_Tensor* handle);

void forget_handle(int32_t number);

}  // namespace visualbert

#endif  // VISUALBERT_VARIABLE_HANDLE_H_
