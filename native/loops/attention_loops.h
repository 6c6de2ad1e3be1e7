// Attention of one head, which stays in the cache.
#ifndef VISUALBERT_ATTENTION_LOOPS_H_
#define VISUALBERT_ATTENTION_LOOPS_H_

#include <cstdint>

#include "loops/packed_matrix.h"

namespace visualbert {

// softmax(scale Q K^T + bias) V for one head. Rows of Q and the result, and of K and V, are `stride` apart; bias [keys] may be null.
struct Head {
  const float *queries, *keys, *values, *bias;
  float* result;
  int64_t query_count, key_count, size, stride;
  float scale;
};
void attend(const Head& head);

// The same for one query, where K = X Wk^T and V = X Wv^T + bias: q (X Wk^T)^T = (q Wk) X^T, so that the matrices meet one row instead of all rows
// of X. The head has the rows `first` to `first + size` of both matrices, which are packed as float32. (A bias of K adds the same to all scores.)
struct FoldedHead {
  const float *query, *x;  // [size], [key_count, columns of the matrices]
  const PackedMatrix &keys, &values;
  const float* bias;       // [size]
  float* result;           // [size]
  int64_t first, key_count, size;
  float scale;
};
void attend(const FoldedHead& head);

}  // namespace visualbert

#endif  // VISUALBERT_ATTENTION_LOOPS_H_
