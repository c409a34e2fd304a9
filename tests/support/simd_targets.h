// Runs tests of kernels with every set of instructions that this processor has.
#ifndef TANDEM_TESTS_SUPPORT_SIMD_TARGETS_H_
#define TANDEM_TESTS_SUPPORT_SIMD_TARGETS_H_

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cstdint>
#include <string>
#include <vector>

namespace tandem::testing {

// AVX-512 with VNNI, AVX2 and none of both, as far as they are there.
inline std::vector<std::int64_t> simd_targets() {
  std::vector<std::int64_t> targets;
  for (const std::int64_t target : {HWY_AVX3_DL, HWY_AVX2})
    if (hwy::SupportedTargets() & target) targets.push_back(target);
  targets.push_back(HWY_SCALAR);
  return targets;
}

inline std::string simd_target_name(const ::testing::TestParamInfo<std::int64_t>& info) {
  return hwy::TargetName(info.param);
}

class SimdTest : public ::testing::TestWithParam<std::int64_t> {
 protected:
  void SetUp() override { choose(GetParam()); }
  void TearDown() override { choose(0); }

 private:
  // 0: the best there is.
  static void choose(std::int64_t target) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
};

}  // namespace tandem::testing

#define TANDEM_FOR_EVERY_SIMD_TARGET(suite)                                                        \
  INSTANTIATE_TEST_SUITE_P(Targets, suite, ::testing::ValuesIn(::tandem::testing::simd_targets()), \
                           ::tandem::testing::simd_target_name)

#endif  // TANDEM_TESTS_SUPPORT_SIMD_TARGETS_H_
