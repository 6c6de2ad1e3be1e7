// Operations of our own for TensorFlow on the CPU: whole formulas in one pass over memory.
#ifndef VISUALBERT_FUSED_KERNELS_H_
#define VISUALBERT_FUSED_KERNELS_H_

namespace visualbert {

// Registers all of them with TensorFlow, once per process. Throws TensorFlow's error.
void register_fused_kernels();

// The groups below are registered by register_fused_kernels. Optimizer:
void register_optimizer_kernels();

// Detectors:
void register_region_kernels();
void register_winograd_kernels();

// Prediction:
void register_packed_kernels();
void register_file_kernels();

}  // namespace visualbert

#endif  // VISUALBERT_FUSED_KERNELS_H_
