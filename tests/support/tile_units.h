// Runs tests of tiles with every unit that multiplies them here.
#ifndef TANDEM_TESTS_SUPPORT_TILE_UNITS_H_
#define TANDEM_TESTS_SUPPORT_TILE_UNITS_H_

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "model/kernels/tiles.h"

namespace tandem::testing {

inline std::string tile_unit_name(kernels::TileUnit unit) {
  return unit == kernels::TileUnit::kRegisters ? "registers" : "vectors";
}

// What multiplies tiles, or the best below it, for as long as this object lives.
class ChosenTileUnit {
 public:
  explicit ChosenTileUnit(kernels::TileUnit most) { kernels::choose_tile_unit_for_test(most); }
  ChosenTileUnit(const ChosenTileUnit&) = delete;
  ChosenTileUnit& operator=(const ChosenTileUnit&) = delete;
  ~ChosenTileUnit() { kernels::choose_tile_unit_for_test(std::nullopt); }
};

class TileUnitTest : public ::testing::TestWithParam<kernels::TileUnit> {
 protected:
  void SetUp() override {
    if (kernels::tile_unit() != GetParam())
      GTEST_SKIP() << "this processor has no tiles by " << tile_unit_name(GetParam());
  }

 private:
  ChosenTileUnit chosen_{GetParam()};
};

}  // namespace tandem::testing

#define TANDEM_FOR_EVERY_TILE_UNIT(suite)                         \
  INSTANTIATE_TEST_SUITE_P(                                       \
      Units, suite,                                               \
      ::testing::Values(::tandem::kernels::TileUnit::kVectors,    \
                        ::tandem::kernels::TileUnit::kRegisters), \
      [](const auto& unit) { return ::tandem::testing::tile_unit_name(unit.param); })

// Of networks that LibTorch computes where there are no tiles.
#define TANDEM_FOR_EVERY_EXECUTOR(suite)                                                           \
  INSTANTIATE_TEST_SUITE_P(                                                                        \
      Executors, suite,                                                                            \
      ::testing::Values(::tandem::kernels::TileUnit::kNone, ::tandem::kernels::TileUnit::kVectors, \
                        ::tandem::kernels::TileUnit::kRegisters),                                  \
      [](const auto& unit) {                                                                       \
        return unit.param == ::tandem::kernels::TileUnit::kNone                                    \
                   ? std::string("libtorch")                                                       \
                   : ::tandem::testing::tile_unit_name(unit.param);                                \
      })

#endif  // TANDEM_TESTS_SUPPORT_TILE_UNITS_H_
