#include "cli/options.h"

#include <gtest/gtest.h>

namespace tandem {
namespace {

TEST(TerminalSafeTest, ControlSequencesLoseTheirPower) {
  EXPECT_EQ(terminal_safe("a\x1b[2Jb\a\tc\n"), "a\uFFFD[2Jb\uFFFD\tc\n");
  EXPECT_EQ(terminal_safe("\u009b31m"), "\uFFFD31m");  // the one-character form of ESC [
  EXPECT_EQ(terminal_safe("\xff"), "\uFFFD");
  EXPECT_EQ(terminal_safe("naïve 🚢"), "naïve 🚢");
}

TEST(OneLineTest, SpaceCollapsesAndLongTextIsCut) {
  EXPECT_EQ(one_line("  a\n\n b\tc ", 10), "a b c");
  EXPECT_EQ(one_line("äöüäöü", 3), "äöü…");
  EXPECT_EQ(one_line("äöü", 3), "äöü");
  EXPECT_EQ(one_line("", 3), "");
}

TEST(LocationTest, NamesTitleHeadingAndPage) {
  EXPECT_EQ(location_of("Birds", "Gulls > Nests", 3), "Birds > Gulls > Nests, page 3");
  EXPECT_EQ(location_of("Birds", "", 0), "Birds");
}

}  // namespace
}  // namespace tandem
