// Attention of one head, which stays in the cache.
#ifndef VISUALBERT_ATTENTION_LOOPS_H_
#define VISUALBERT_ATTENTION_LOOPS_H_

#include <cstdint>

namespace visualbert {

// softmax(scale Q K^T + bias) V for one head. Rows of Q and the result, and of K and V, are `stride` apart; bias [keys] may be null.
struct Head {
  const float *queries, *keys, *values, *bias;
  float* result;
  int64_t query_count, key_count, size, stride;
  float scale;
};
void attend(const Head& head);

}  // namespace visualbert

#endif  // VISUALBERT_ATTENTION_LOOPS_H_
