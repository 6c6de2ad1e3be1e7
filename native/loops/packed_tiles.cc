// Tiles for each vector width; bfloat16 and int8 use AVX-512's instructions where the processor has them.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3", "no-trapping-math")
#endif

#include "loops/packed_tiles.h"

#include <cstring>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#define VISUALBERT_X86 1
#else
#define VISUALBERT_X86 0
#endif

#include "loops/packed_matrix.h"

namespace visualbert {
namespace {

#define VISUALBERT_INLINE inline __attribute__((always_inline))

template <int Bytes>
struct Lanes {
  typedef float Floats __attribute__((vector_size(Bytes)));
  typedef int32_t Integers __attribute__((vector_size(Bytes)));
  static constexpr int kCount = Bytes / 4;
};

template <typename Vector>
VISUALBERT_INLINE Vector load(const void* address) {
  Vector value;
  std::memcpy(&value, address, sizeof value);
  return value;
}
template <typename Vector>
VISUALBERT_INLINE void store(void* address, const Vector& value) {
  std::memcpy(address, &value, sizeof value);
}

// Sums of `Rows` rows by `Vectors` vectors of four-byte lanes.
template <typename Vector, int Rows, int Vectors>
VISUALBERT_INLINE void load_sums(const Sums& sums, Vector (&sum)[Rows][Vectors]) {
  const int32_t* from = static_cast<const int32_t*>(sums.from);
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < Vectors; ++j) sum[i][j] = load<Vector>(from + i * sums.from_pitch + j * int(sizeof(Vector) / 4));
  }
}
template <typename Vector, int Rows, int Vectors>
VISUALBERT_INLINE void store_sums(const Sums& sums, const Vector (&sum)[Rows][Vectors]) {
  int32_t* out = static_cast<int32_t*>(sums.to);
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < Vectors; ++j) store(out + i * sums.pitch + j * int(sizeof(Vector) / 4), sum[i][j]);
  }
}

template <int Bytes, int Rows, int Vectors>
VISUALBERT_INLINE void float_tile(const void* x, int64_t stride, const void* panel, int64_t depth, const Sums& sums, Ahead ahead) {
  using V = typename Lanes<Bytes>::Floats;
  constexpr int kLanes = Lanes<Bytes>::kCount;
  const float *row = static_cast<const float*>(x), *b = static_cast<const float*>(panel);
  V sum[Rows][Vectors];
  load_sums(sums, sum);
  for (int64_t k = 0; k < depth; ++k, b += kPanel) {
    ahead.fetch();
    V column[Vectors];
#pragma GCC unroll 16
    for (int j = 0; j < Vectors; ++j) column[j] = load<V>(b + j * kLanes);
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) {
      const float value = row[i * stride + k];
#pragma GCC unroll 16
      for (int j = 0; j < Vectors; ++j) sum[i][j] += column[j] * value;
    }
  }
  store_sums(sums, sum);
}

template <int Bytes, int Rows, int Vectors>
VISUALBERT_INLINE void byte_tile(const void* x, int64_t stride, const void* panel, int64_t depth, const Sums& sums, Ahead ahead) {
  using I = typename Lanes<Bytes>::Integers;
  constexpr int kLanes = Lanes<Bytes>::kCount;
  const uint8_t* row = static_cast<const uint8_t*>(x);
  const int32_t* b = static_cast<const int32_t*>(panel);
  I sum[Rows][Vectors];
  load_sums(sums, sum);
  for (int64_t k = 0; k < depth; k += 4, b += kPanel) {
    ahead.fetch();
#pragma GCC unroll 16
    for (int j = 0; j < Vectors; ++j) {
      const I four = load<I>(b + j * kLanes);
#pragma GCC unroll 16
      for (int i = 0; i < Rows; ++i) {
        const uint8_t* value = row + i * stride + k;
        sum[i][j] += (four << 24 >> 24) * value[0] + (four << 16 >> 24) * value[1] + (four << 8 >> 24) * value[2] +
                     (four >> 24) * value[3];
      }
    }
  }
  store_sums(sums, sum);
}

// A processor generation: the function `tile` for 1 to kRows rows, compiled for it.
#define VISUALBERT_GENERATION(Name, Kind, Bytes, Vectors, Rows, Target)                                              \
  struct Name {                                                                                                      \
    static constexpr int kRows = Rows, kColumns = Vectors * Bytes / 4;                                               \
    template <int Count>                                                                                             \
    Target static void tile(const void* x, int64_t stride, const void* panel, int64_t depth, const Sums& sums, Ahead ahead) { \
      Kind<Bytes, Count, Vectors>(x, stride, panel, depth, sums, ahead);                                              \
    }                                                                                                                \
  };

// 16-byte registers, which every processor has.
VISUALBERT_GENERATION(FloatBase, float_tile, 16, 2, 4, )
VISUALBERT_GENERATION(ByteBase, byte_tile, 16, 2, 4, )

#if VISUALBERT_X86
#define VISUALBERT_AVX2 __attribute__((target("avx2,fma")))
#define VISUALBERT_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq")))
VISUALBERT_GENERATION(FloatAvx2, float_tile, 32, 2, 6, VISUALBERT_AVX2)
VISUALBERT_GENERATION(FloatAvx512, float_tile, 64, 2, 14, VISUALBERT_AVX512)

// Two products are added in 16 bits, which hold them for x up to 127.
struct ByteAvx2 {
  static constexpr int kRows = 6, kColumns = 16;
  template <int Count>
  VISUALBERT_AVX2 static void tile(const void* x, int64_t stride, const void* panel, int64_t depth, const Sums& sums, Ahead ahead) {
    const uint8_t* row = static_cast<const uint8_t*>(x);
    const __m256i* b = static_cast<const __m256i*>(panel);
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i sum[Count][2];
    load_sums(sums, sum);
    for (int64_t k = 0; k < depth; k += 4, b += kPanel / 8) {
      ahead.fetch();
#pragma GCC unroll 8
      for (int i = 0; i < Count; ++i) {
        int32_t four;
        std::memcpy(&four, row + i * stride + k, sizeof four);
        const __m256i value = _mm256_set1_epi32(four);
#pragma GCC unroll 2
        for (int j = 0; j < 2; ++j) {
          // sum += madd(maddubs(value, b[j]), ones). As intrinsics, compilers keep more values than there are registers.
          __m256i pairs;
          asm("vpmaddubsw %3, %2, %1\n\tvpmaddwd %4, %1, %1\n\tvpaddd %1, %0, %0"
              : "+x"(sum[i][j]), "=&x"(pairs)
              : "x"(value), "m"(b[j]), "x"(ones));
        }
      }
    }
    store_sums(sums, sum);
  }
};

struct Bfloat16Native {
  static constexpr int kRows = 14, kColumns = 32;
  template <int Count>
  __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16"))) static void tile(const void* x, int64_t stride, const void* panel,
                                                                                   int64_t depth, const Sums& sums, Ahead ahead) {
    const uint16_t *row = static_cast<const uint16_t*>(x), *b = static_cast<const uint16_t*>(panel);
    __m512 sum[Count][2];
    load_sums(sums, sum);
    for (int64_t k = 0; k < depth; k += 2, b += 2 * kPanel) {
      ahead.fetch();
      const __m512bh left = (__m512bh)_mm512_loadu_si512(b), right = (__m512bh)_mm512_loadu_si512(b + kPanel);
#pragma GCC unroll 16
      for (int i = 0; i < Count; ++i) {
        int32_t pair;
        std::memcpy(&pair, row + i * stride + k, sizeof pair);
        const __m512bh value = (__m512bh)_mm512_set1_epi32(pair);
        sum[i][0] = _mm512_dpbf16_ps(sum[i][0], value, left);
        sum[i][1] = _mm512_dpbf16_ps(sum[i][1], value, right);
      }
    }
    store_sums(sums, sum);
  }
};

struct ByteVnni {
  static constexpr int kRows = 14, kColumns = 32;
  template <int Count>
  __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni"))) static void tile(const void* x, int64_t stride, const void* panel,
                                                                                   int64_t depth, const Sums& sums, Ahead ahead) {
    const uint8_t *row = static_cast<const uint8_t*>(x), *b = static_cast<const uint8_t*>(panel);
    __m512i sum[Count][2];
    load_sums(sums, sum);
    for (int64_t k = 0; k < depth; k += 4, b += 4 * kPanel) {
      ahead.fetch();
      const __m512i left = _mm512_loadu_si512(b), right = _mm512_loadu_si512(b + 2 * kPanel);
#pragma GCC unroll 16
      for (int i = 0; i < Count; ++i) {
        int32_t four;
        std::memcpy(&four, row + i * stride + k, sizeof four);
        const __m512i value = _mm512_set1_epi32(four);
        sum[i][0] = _mm512_dpbusd_epi32(sum[i][0], value, left);
        sum[i][1] = _mm512_dpbusd_epi32(sum[i][1], value, right);
      }
    }
    store_sums(sums, sum);
  }
};

bool has_avx512() { return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"); }
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool has_vnni() { return has_avx512() && __builtin_cpu_supports("avx512vnni"); }
#endif

template <typename Generation, int... Counts>
Tiles tiles_of(std::integer_sequence<int, Counts...>) {
  return {Generation::kRows, Generation::kColumns, {Generation::template tile<Counts + 1>...}};
}
template <typename Generation>
Tiles tiles() {
  return tiles_of<Generation>(std::make_integer_sequence<int, Generation::kRows>());
}

Tiles choose_float() {
#if VISUALBERT_X86
  if (has_avx512()) return tiles<FloatAvx512>();
  if (has_avx2()) return tiles<FloatAvx2>();
#endif
  return tiles<FloatBase>();
}

Tiles choose_bfloat16() {
#if VISUALBERT_X86
  if (multiplies_bfloat16()) return tiles<Bfloat16Native>();
#endif
  return choose_float();
}

Tiles choose_byte() {
#if VISUALBERT_X86
  if (has_vnni()) return tiles<ByteVnni>();
  if (has_avx2()) return tiles<ByteAvx2>();
#endif
  return tiles<ByteBase>();
}

}  // namespace

bool multiplies_bfloat16() {
#if VISUALBERT_X86
  return has_avx512() && __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

int largest_byte() {
#if VISUALBERT_X86
  if (has_avx2() && !has_vnni()) return 127;
#endif
  return 255;
}

const Tiles& float_tiles() {
  static const Tiles chosen = choose_float();
  return chosen;
}

const Tiles& bfloat16_tiles() {
  static const Tiles chosen = choose_bfloat16();
  return chosen;
}

const Tiles& byte_tiles() {
  static const Tiles chosen = choose_byte();
  return chosen;
}

}  // namespace visualbert
