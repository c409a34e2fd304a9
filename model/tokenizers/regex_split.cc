#include "model/tokenizers/regex_split.h"

#include <unicode/regex.h>
#include <unicode/utext.h>

#include <chrono>

#include "base/error.h"

namespace tandem {
namespace {

// A search for one match; ICU counts steps of about a millisecond.
constexpr std::int32_t kStepsPerMatch = 2000;
constexpr std::int32_t kStackBytes = 16 << 20;
constexpr std::chrono::seconds kTimePerText{20};

[[noreturn]] void fail(UErrorCode status) {
  if (status == U_REGEX_TIME_OUT || status == U_REGEX_STACK_OVERFLOW) {
    throw Error(ErrorCode::kTooLarge,
                "a text takes too long to cut by the tokenizer's own regular expression",
                "split the text, or remove very long stretches without a space from it");
  }
  throw Error(ErrorCode::kInternal, std::string("cutting a text: ") + u_errorName(status));
}

struct CloseText {
  void operator()(UText* text) const { utext_close(text); }
};

}  // namespace

struct RegexSplitter::Compiled {
  std::unique_ptr<icu::RegexPattern> pattern;
};

RegexSplitter::RegexSplitter(const std::string& regex) {
  UErrorCode status = U_ZERO_ERROR;
  UParseError where{};
  auto compiled = std::make_unique<Compiled>();
  compiled->pattern.reset(
      icu::RegexPattern::compile(icu::UnicodeString::fromUTF8(regex), 0, where, status));
  if (U_FAILURE(status)) {
    throw Error(ErrorCode::kUnsupported,
                "the tokenizer cuts text by a regular expression that cannot be used here (" +
                    std::string(u_errorName(status)) + " at character " +
                    std::to_string(where.offset) + "): " + regex.substr(0, 200));
  }
  compiled_ = std::move(compiled);
}

RegexSplitter::~RegexSplitter() = default;

std::vector<RegexPiece> RegexSplitter::split(std::string_view text) const {
  UErrorCode status = U_ZERO_ERROR;
  const std::unique_ptr<UText, CloseText> input(
      utext_openUTF8(nullptr, text.data(), static_cast<std::int64_t>(text.size()), &status));
  const std::unique_ptr<icu::RegexMatcher> matcher(compiled_->pattern->matcher(status));
  if (U_FAILURE(status)) fail(status);
  matcher->setTimeLimit(kStepsPerMatch, status);
  matcher->setStackLimit(kStackBytes, status);
  matcher->reset(input.get());

  const auto deadline = std::chrono::steady_clock::now() + kTimePerText;
  std::vector<RegexPiece> pieces;
  std::size_t done = 0;
  const auto push = [&](std::size_t end, bool matched) {
    if (end > done) pieces.push_back({text.substr(done, end - done), matched});
    done = end;
  };
  while (matcher->find(status)) {
    push(static_cast<std::size_t>(matcher->start64(status)), false);
    push(static_cast<std::size_t>(matcher->end64(status)), true);
    if (std::chrono::steady_clock::now() > deadline) fail(U_REGEX_TIME_OUT);
  }
  if (U_FAILURE(status)) fail(status);
  push(text.size(), false);
  return pieces;
}

}  // namespace tandem
