// What a fuzzer consists of; fuzzer.cc makes a libFuzzer program of it.
#ifndef TANDEM_TESTS_FUZZ_FUZZER_H_
#define TANDEM_TESTS_FUZZ_FUZZER_H_

#include <string>
#include <string_view>
#include <vector>

namespace tandem::fuzz {

// Small inputs to begin with, valid and of every kind.
std::vector<std::string> seeds();

// Words of the format, which mutation would take long to spell.
std::vector<std::string> words();

// Gives `input` to the code under test. That may throw an Error that blames the input; anything
// else is a finding: another exception, an Error that blames us (kInternal), a failed require(), a
// report of a sanitizer, a leak, too much time or memory.
void run(std::string_view input);

// Ends the program with a report if `condition` does not hold.
void require(bool condition, const char* promise);

}  // namespace tandem::fuzz

#endif  // TANDEM_TESTS_FUZZ_FUZZER_H_
