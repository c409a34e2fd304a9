#include "trainer/torch/attention_kernels.h"

#include <ATen/native/CPUBlas.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "trainer/torch/attention_kernels.cc"
#include <hwy/foreach_target.h>  // compiles this file once for each set of instructions
// Must come after foreach_target.h.
#include <hwy/highway.h>

#include "trainer/torch/row_numbers-inl.h"

#ifndef TANDEM_TRAINER_TORCH_ATTENTION_KERNELS_ONCE_
#define TANDEM_TRAINER_TORCH_ATTENTION_KERNELS_ONCE_
namespace tandem::training {
namespace {

constexpr std::int64_t kQueries = 64;  // of a block
// Lengths and head sizes are rounded up to it, with zeros: a tile's numbers, and few shapes for
// which oneDNN has to compile a kernel.
constexpr std::int64_t kStep = 32;

// Uninitialised.
std::unique_ptr<BFloat16[]> numbers(std::int64_t count) {
  return std::make_unique_for_overwrite<BFloat16[]>(static_cast<std::size_t>(count));
}
std::unique_ptr<float[]> floats(std::int64_t count) {
  return std::make_unique_for_overwrite<float[]>(static_cast<std::size_t>(count));
}

std::int64_t rounded_up(std::int64_t count) {
  return (count + kStep - 1) / kStep * kStep;
}

// c [m, n] = a [m, k] b, or with `add` added to it. `b` [k / 2, n, 2] has pairs of rows
// interleaved.
struct Product {
  std::int64_t m, n, k;
  const BFloat16* a;
  std::int64_t a_stride;
  const BFloat16* b;
  std::int64_t b_stride;
  float* c;
  bool add = false;

  void run() const { at::native::cpublas::brgemm(m, n, k, a_stride, b_stride, n, add, a, b, c); }
};

// The first key that a query sees.
std::int64_t oldest_key(const AttentionShape& shape, std::int64_t query) {
  return shape.window > 0 ? std::max<std::int64_t>(0, query - shape.window + 1) : 0;
}

// The keys [begin, end) that a block of queries from `first` on reads, in whole steps.
std::pair<std::int64_t, std::int64_t> visible_keys(const AttentionShape& shape, std::int64_t first,
                                                   std::int64_t padded) {
  return {oldest_key(shape, first) / kStep * kStep,
          shape.causal ? std::min(padded, first + kQueries) : padded};
}

}  // namespace
}  // namespace tandem::training
#endif  // TANDEM_TRAINER_TORCH_ATTENTION_KERNELS_ONCE_

HWY_BEFORE_NAMESPACE();
namespace tandem::training::HWY_NAMESPACE {

// Turns a head by its position, or with `backward` back.
HWY_INLINE void turn(const AttentionShape& shape, std::int64_t position, bool backward,
                     float* head) {
  const std::int64_t count = shape.turned_pairs;
  const float* const cosines = shape.cosines + position * count;
  const float* const sines = shape.sines + position * count;
  const float sign = backward ? -1.0f : 1.0f;
  if (shape.pairs == RotaryPairs::kNeighbours) {
    for (std::int64_t i = 0; i < count; ++i) {
      const float a = head[2 * i], b = head[2 * i + 1], sine = sign * sines[i];
      head[2 * i] = a * cosines[i] - b * sine;
      head[2 * i + 1] = a * sine + b * cosines[i];
    }
    return;
  }
  for_columns(0, count, [&](auto d, std::int64_t i) {
    const auto a = load(d, head + i);
    const auto b = load(d, head + count + i);
    const auto cosine = load(d, cosines + i);
    const auto sine = hn::Mul(load(d, sines + i), hn::Set(d, sign));
    store(d, hn::NegMulAdd(b, sine, hn::Mul(a, cosine)), head + i);
    store(d, hn::MulAdd(a, sine, hn::Mul(b, cosine)), head + count + i);
  });
}

// A head of `count` rows from position `first` on, as rows of `width`, the rest of `rows` zeros.
void GatherHead(const AttentionShape& shape, const BFloat16* from, std::int64_t stride,
                std::int64_t first, std::int64_t count, bool turned, std::int64_t rows,
                std::int64_t width, BFloat16* to) {
  if (!turned) {
    for (std::int64_t i = 0; i < count; ++i)
      std::copy_n(from + (first + i) * stride, shape.size, to + i * width);
  } else {
    const auto head = floats(shape.size);
    for (std::int64_t i = 0; i < count; ++i) {
      const BFloat16* const row = from + (first + i) * stride;
      for_columns(0, shape.size,
                  [&](auto d, std::int64_t c) { store(d, load(d, row + c), head.get() + c); });
      turn(shape, first + i, false, head.get());
      for_columns(0, shape.size, [&](auto d, std::int64_t c) {
        store(d, load(d, head.get() + c), to + i * width + c);
      });
    }
  }
  if (width > shape.size)
    for (std::int64_t i = 0; i < count; ++i)
      std::fill_n(to + i * width + shape.size, width - shape.size, BFloat16(0));
  std::fill_n(to + count * width, (rows - count) * width, BFloat16(0));
}

// [rows, width] to [rows / 2, width, 2].
void Interleave(const BFloat16* from, std::int64_t rows, std::int64_t width, BFloat16* to) {
  const auto* in = reinterpret_cast<const std::uint16_t*>(from);
  auto* out = reinterpret_cast<std::uint16_t*>(to);
  for (std::int64_t row = 0; row < rows; row += 2, in += 2 * width, out += 2 * width)
    for (std::int64_t i = 0; i < width; ++i) {
      out[2 * i] = in[i];
      out[2 * i + 1] = in[width + i];
    }
}

// [rows, width] to [width / 2, rows, 2]: the transposed one, interleaved.
void InterleaveTransposed(const BFloat16* from, std::int64_t rows, std::int64_t width,
                          BFloat16* to) {
  const auto* const in = reinterpret_cast<const std::uint32_t*>(from);
  auto* const out = reinterpret_cast<std::uint32_t*>(to);
  const std::int64_t pairs = width / 2;
  for (std::int64_t first = 0; first < rows; first += 16)
    for (std::int64_t i = 0; i < pairs; ++i)
      for (std::int64_t row = first; row < first + 16; ++row)
        out[i * rows + row] = in[row * pairs + i];
}

// Scores [begin, end) of a query to exponentials, of which the others are zero, by the largest.
struct Exponentials {
  float largest, sum;
};
HWY_INLINE Exponentials exponentials(float* scores, std::int64_t begin, std::int64_t end,
                                     std::int64_t width, float scale, BFloat16* out) {
  Floats most = hn::Set(kFloats, -std::numeric_limits<float>::infinity());
  float largest = -std::numeric_limits<float>::infinity();
  std::int64_t i = begin;
  for (; i + kLanes <= end; i += kLanes) most = hn::Max(most, hn::LoadU(kFloats, scores + i));
  for (; i < end; ++i) largest = std::max(largest, scores[i]);
  largest = scale * std::max(largest, hn::GetLane(hn::MaxOfLanes(kFloats, most)));
  std::fill_n(out, begin, BFloat16(0));
  const float sum = sum_over(begin, end, [&](auto d, std::int64_t at) {
    const auto power =
        hn::Exp(d, hn::MulSub(load(d, scores + at), hn::Set(d, scale), hn::Set(d, largest)));
    store(d, power, out + at);
    return power;
  });
  std::fill_n(out + end, width - end, BFloat16(0));
  return {largest, sum};
}

void Attend(const AttentionShape& shape, const AttentionRows& sequence, std::int64_t kv_head) {
  const std::int64_t length = sequence.length, stride = shape.row_width(), size = shape.size;
  const std::int64_t padded = rounded_up(length), width = rounded_up(size);
  const std::int64_t repeat = shape.heads / shape.kv_heads;
  const bool turned = shape.turned_pairs > 0;
  auto rows = numbers(padded * width), keys = numbers(padded * width);
  auto values = numbers(padded * width), queries = numbers(kQueries * width);
  auto weights = numbers(kQueries * padded);
  auto scores = floats(kQueries * padded), context = floats(kQueries * width);
  auto factors = floats(kQueries);

  const BFloat16* const key = sequence.rows + (shape.heads + kv_head) * size;
  GatherHead(shape, key, stride, 0, length, turned, padded, width, rows.get());
  InterleaveTransposed(rows.get(), padded, width, keys.get());
  GatherHead(shape, key + shape.kv_heads * size, stride, 0, length, false, padded, width,
             rows.get());
  Interleave(rows.get(), padded, width, values.get());

  for (std::int64_t head = kv_head * repeat; head < (kv_head + 1) * repeat; ++head) {
    for (std::int64_t first = 0; first < length; first += kQueries) {
      const std::int64_t count = std::min(kQueries, length - first);
      const auto [begin, end] = visible_keys(shape, first, padded);
      const std::int64_t visible = end - begin;
      GatherHead(shape, sequence.rows + head * size, stride, first, count, turned, kQueries, width,
                 queries.get());
      Product{kQueries, visible,     width, queries.get(), width, keys.get() + 2 * begin,
              padded,   scores.get()}
          .run();
      for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t position = first + i;
        const Exponentials found =
            exponentials(scores.get() + i * visible, oldest_key(shape, position) - begin,
                         (shape.causal ? position + 1 : length) - begin, visible, shape.scale,
                         weights.get() + i * visible);
        sequence.log_sums[position * shape.heads + head] = found.largest + std::log(found.sum);
        factors[i] = 1 / found.sum;
      }
      std::fill_n(weights.get() + count * visible, (kQueries - count) * visible, BFloat16(0));
      Product{kQueries, width,        visible, weights.get(), visible, values.get() + begin * width,
              width,    context.get()}
          .run();
      for (std::int64_t i = 0; i < count; ++i) {
        BFloat16* const to = sequence.context + ((first + i) * shape.heads + head) * size;
        const float factor = factors[i];
        for_columns(0, size, [&](auto d, std::int64_t c) {
          store(d, hn::Mul(load(d, context.get() + i * width + c), hn::Set(d, factor)), to + c);
        });
      }
    }
  }
}

// What a block of queries gives to the gradient of scores, transposed, [keys, kQueries]:
//   weights = exp(scale * scores - log_sums)
//   score_gradient = scale * weights * (weight_gradient - dots)
// with weights of unseen keys zero. Of the latter also a copy with pairs of keys interleaved.
struct ScoreGradient {
  std::int64_t first, begin, visible;  // the first query, the first key, how many
  const float* scores;
  const float* weight_gradient;
  const float* log_sums;  // [kQueries]
  const float* dots;
  BFloat16* weights;
  BFloat16* score_gradient;
  BFloat16* interleaved;
};

void BackThroughScores(const AttentionShape& shape, const ScoreGradient& work) {
  const auto scale = hn::Set(kFloats, shape.scale);
  for (std::int64_t key = 0; key < work.visible; ++key) {
    const std::int64_t position = work.begin + key;
    const std::int64_t at = key * kQueries;
    const bool is_edge = (shape.causal && position > work.first) ||
                         (shape.window > 0 && position + shape.window < work.first + kQueries);
    // Of queries: the first that sees this key, and the first that does not any more.
    const auto oldest = hn::Set(kFloats, shape.causal ? static_cast<float>(position) : 0.0f);
    const auto newest =
        hn::Set(kFloats, shape.window > 0 ? static_cast<float>(position + shape.window) : 0x1p24f);
    for (std::int64_t i = 0; i < kQueries; i += kLanes) {
      auto weight = hn::Exp(kFloats, hn::MulSub(load(kFloats, work.scores + at + i), scale,
                                                load(kFloats, work.log_sums + i)));
      if (is_edge) {
        const auto query = hn::Iota(kFloats, static_cast<float>(work.first + i));
        weight = hn::IfThenElseZero(hn::And(hn::Ge(query, oldest), hn::Lt(query, newest)), weight);
      }
      store(kFloats, weight, work.weights + at + i);
      const auto gradient = hn::Mul(
          hn::Mul(weight, scale),
          hn::Sub(load(kFloats, work.weight_gradient + at + i), load(kFloats, work.dots + i)));
      store(kFloats, gradient, work.score_gradient + at + i);
    }
  }
  Interleave(work.score_gradient, work.visible, kQueries, work.interleaved);
}

void AttendGradient(const AttentionShape& shape, const AttentionRows& sequence,
                    const BFloat16* context_gradient, BFloat16* gradient, std::int64_t kv_head) {
  const std::int64_t length = sequence.length, stride = shape.row_width(), size = shape.size;
  const std::int64_t padded = rounded_up(length), width = rounded_up(size);
  const std::int64_t repeat = shape.heads / shape.kv_heads, context_width = shape.heads * size;
  const bool turned = shape.turned_pairs > 0;
  auto keys = numbers(padded * width), keys_across = numbers(padded * width);
  auto values = numbers(padded * width);
  auto key_gradient = floats(padded * width), value_gradient = floats(padded * width);
  auto rows = numbers(kQueries * width);
  auto queries = numbers(kQueries * width), queries_across = numbers(kQueries * width);
  auto from = numbers(kQueries * width), from_across = numbers(kQueries * width);
  auto scores = floats(kQueries * padded), weight_gradient = floats(kQueries * padded);
  auto weights = numbers(kQueries * padded), score_gradient = numbers(kQueries * padded);
  auto interleaved = numbers(kQueries * padded);
  auto query_gradient = floats(kQueries * width), column = floats(size);
  auto log_sums = floats(kQueries), dots = floats(kQueries);

  std::fill_n(key_gradient.get(), padded * width, 0.0f);
  std::fill_n(value_gradient.get(), padded * width, 0.0f);

  const std::int64_t key_column = (shape.heads + kv_head) * size;
  const std::int64_t value_column = key_column + shape.kv_heads * size;
  GatherHead(shape, sequence.rows + key_column, stride, 0, length, turned, padded, width,
             keys.get());
  for (std::int64_t i = 0; i < padded; ++i)
    for (std::int64_t c = 0; c < width; ++c) keys_across[c * padded + i] = keys[i * width + c];
  GatherHead(shape, sequence.rows + value_column, stride, 0, length, false, padded, width,
             values.get());

  const auto write = [&](const float* head, BFloat16* to) {
    for_columns(0, size, [&](auto d, std::int64_t c) { store(d, load(d, head + c), to + c); });
  };
  for (std::int64_t head = kv_head * repeat; head < (kv_head + 1) * repeat; ++head) {
    for (std::int64_t first = 0; first < length; first += kQueries) {
      const std::int64_t count = std::min(kQueries, length - first);
      const auto [begin, end] = visible_keys(shape, first, padded);
      const std::int64_t visible = end - begin;
      GatherHead(shape, sequence.rows + head * size, stride, first, count, turned, kQueries, width,
                 rows.get());
      Interleave(rows.get(), kQueries, width, queries.get());
      InterleaveTransposed(rows.get(), kQueries, width, queries_across.get());
      GatherHead(shape, context_gradient + head * size, context_width, first, count, false,
                 kQueries, width, rows.get());
      Interleave(rows.get(), kQueries, width, from.get());
      InterleaveTransposed(rows.get(), kQueries, width, from_across.get());
      for (std::int64_t i = 0; i < kQueries; ++i) {
        // Queries beyond the end get the weight e^-large = 0.
        log_sums[i] = i < count ? sequence.log_sums[(first + i) * shape.heads + head] : 1e30f;
        const BFloat16* const context =
            sequence.context + (first + i) * context_width + head * size;
        dots[i] = i >= count ? 0 : sum_over(0, size, [&](auto d, std::int64_t c) {
          return hn::Mul(load(d, context + c), load(d, rows.get() + i * width + c));
        });
      }
      Product{visible,  kQueries,    width, keys.get() + begin * width, width, queries_across.get(),
              kQueries, scores.get()}
          .run();
      Product{visible, kQueries,          width,    values.get() + begin * width,
              width,   from_across.get(), kQueries, weight_gradient.get()}
          .run();
      BackThroughScores(shape,
                        {first, begin, visible, scores.get(), weight_gradient.get(), log_sums.get(),
                         dots.get(), weights.get(), score_gradient.get(), interleaved.get()});
      Product{visible,  width,      kQueries, weights.get(),
              kQueries, from.get(), width,    value_gradient.get() + begin * width,
              true}
          .run();
      Product{visible,  width,         kQueries, score_gradient.get(),
              kQueries, queries.get(), width,    key_gradient.get() + begin * width,
              true}
          .run();
      Product{width,  kQueries,          visible,  keys_across.get() + begin,
              padded, interleaved.get(), kQueries, query_gradient.get()}
          .run();
      for (std::int64_t i = 0; i < count; ++i) {
        for (std::int64_t c = 0; c < size; ++c) column[c] = query_gradient[c * kQueries + i];
        if (turned) turn(shape, first + i, true, column.get());
        write(column.get(), gradient + (first + i) * stride + head * size);
      }
    }
  }
  for (std::int64_t i = 0; i < length; ++i) {
    BFloat16* const row = gradient + i * stride;
    if (turned) turn(shape, i, true, key_gradient.get() + i * width);
    write(key_gradient.get() + i * width, row + key_column);
    write(value_gradient.get() + i * width, row + value_column);
  }
}

}  // namespace tandem::training::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tandem::training {

HWY_EXPORT(Attend);
HWY_EXPORT(AttendGradient);

bool has_attention_kernels() {
  return at::native::cpublas::could_pack(at::kBFloat16);
}

void attend(const AttentionShape& shape, const AttentionRows& sequence, std::int64_t kv_head) {
  HWY_DYNAMIC_DISPATCH(Attend)(shape, sequence, kv_head);
}

void attend_gradient(const AttentionShape& shape, const AttentionRows& sequence,
                     const BFloat16* context_gradient, BFloat16* gradient, std::int64_t kv_head) {
  HWY_DYNAMIC_DISPATCH(AttendGradient)(shape, sequence, context_gradient, gradient, kv_head);
}

void release_attention_kernels() {
  at::native::cpublas::brgemm_release();
}

}  // namespace tandem::training
#endif  // HWY_ONCE
