// Operations of our own for TensorFlow on the CPU: whole formulas in one pass over memory.
#ifndef VISUALBERT_FUSED_KERNELS_H_
#define VISUALBERT_FUSED_KERNELS_H_

namespace visualbert {

// Registers all of them with TensorFlow, once per process. Throws what TensorFlow says.
void register_fused_kernels();

// Those of the optimizer alone; called by the above.
void register_optimizer_kernels();

// Those of detectors alone; called by the first.
void register_region_kernels();
void register_winograd_kernels();

// Those of prediction alone; called by the first.
void register_packed_kernels();

}  // namespace visualbert

#endif  // VISUALBERT_FUSED_KERNELS_H_
