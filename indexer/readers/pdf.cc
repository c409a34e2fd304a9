#include "indexer/readers/pdf.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "base/subprocess.h"
#include "base/utf8.h"

namespace tandem {
namespace {

// A line of at least this many bytes was probably broken at the margin; a shorter one ends where
// its author ended it.
constexpr std::size_t kWrappedLineBytes = 45;
constexpr std::size_t kShortLineBytes = 40;
constexpr std::size_t kLongestHeadingBytes = 90;
constexpr std::string_view kColumnMark = " | ";

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\f";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

bool is_digit(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}
bool is_lower(char c) {
  return std::islower(static_cast<unsigned char>(c)) != 0;
}

std::string run(const std::vector<std::string>& arguments, std::string_view bytes,
                std::string_view name, const ReadLimits& limits, SubprocessResult& result) {
  try {
    SubprocessLimits process_limits;
    process_limits.timeout_ms = limits.timeout_ms;
    result = run_subprocess(arguments, bytes, process_limits);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kNotFound) {
      throw Error(ErrorCode::kUnavailable,
                  "cannot read " + std::string(name) + ": " + arguments[0] + " is not installed",
                  "install the package poppler-utils");
    }
    throw Error(error.code(), "cannot read " + std::string(name) + ": " + error.message(),
                error.advice());
  }
  return std::move(result.output);
}

[[noreturn]] void throw_failure(const SubprocessResult& result, std::string_view name) {
  const auto reports = [&](std::string_view words) {
    return result.error_output.find(words) != std::string::npos;
  };
  if (reports("Incorrect password") || reports("encrypted")) {
    throw Error(ErrorCode::kInvalidArgument, std::string(name) + " is encrypted with a password",
                "save it without the password and add it again");
  }
  if (result.exit_code == 3) {
    throw Error(ErrorCode::kInvalidArgument,
                "the author of " + std::string(name) + " does not allow copying its text",
                "obtain a copy without that restriction");
  }
  if (result.exit_code >= 128) {
    throw Error(ErrorCode::kCorrupt, "the PDF reader gave up on " + std::string(name),
                "the file is damaged or too complex; print it to a new PDF");
  }
  throw Error(ErrorCode::kCorrupt, std::string(name) + " is damaged: it is no complete PDF",
              "check that the file was transferred whole");
}

// A line with its numbers masked, so that "Page 3 of 9" equals "Page 4 of 9".
std::string masked(std::string_view line) {
  std::string out;
  for (const char c : trim(line)) {
    if (!is_digit(c)) {
      out.push_back(c);
    } else if (out.empty() || out.back() != '#') {
      out.push_back('#');
    }
  }
  return out;
}

// Beyond ASCII every byte counts as one.
std::size_t count_letters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return std::isalpha(static_cast<unsigned char>(c)) != 0 ||
           static_cast<unsigned char>(c) >= 0x80;
  }));
}

using Page = std::vector<std::string_view>;  // its lines

std::vector<Page> split_pages(std::string_view output) {
  std::vector<Page> pages;
  for (const std::string_view page : split(output, '\f')) pages.push_back(split(page, '\n'));
  // Each page ends with a form feed, so that what is after the last one is no page.
  if (pages.size() > 1) pages.pop_back();
  return pages;
}

// In reading order a form or table comes out as a heap of short lines, its columns torn from each
// other.
bool is_tabular(const Page& page) {
  std::size_t lines = 0;
  std::size_t short_lines = 0;
  for (const std::string_view raw : page) {
    const std::string_view line = trim(raw);
    if (line.empty()) continue;
    ++lines;
    if (line.size() < kShortLineBytes) ++short_lines;
  }
  return lines >= 10 && short_lines * 10 >= lines * 7;
}

// A line of the page's layout with its columns, which stand two spaces or more apart, marked as in
// other tables.
std::string mark_columns(std::string_view raw) {
  std::string line;
  std::size_t spaces = 0;
  for (const char c : trim(raw)) {
    if (c == ' ') {
      ++spaces;
      continue;
    }
    if (spaces > 0) line += spaces > 1 ? kColumnMark : std::string_view(" ");
    spaces = 0;
    line.push_back(c);
  }
  return line;
}

// Replaces the pages that are tables by their layout; the strings returned hold the new lines.
std::vector<std::string> lay_out(std::vector<Page>& pages, const std::vector<Page>& layout) {
  std::vector<std::string> rows;
  if (layout.size() != pages.size()) return rows;
  std::size_t count = 0;
  for (const Page& page : layout) count += page.size();
  rows.reserve(count);  // the pages point into it
  for (std::size_t i = 0; i < pages.size(); ++i) {
    if (!is_tabular(pages[i])) continue;
    pages[i].clear();
    for (const std::string_view line : layout[i]) {
      pages[i].push_back(rows.emplace_back(mark_columns(line)));
    }
  }
  return rows;
}

// Indices of the first and last lines of a page that are not blank, at most two at each end.
std::vector<std::size_t> edge_lines(const Page& page) {
  std::vector<std::size_t> filled;
  for (std::size_t i = 0; i < page.size(); ++i) {
    if (!trim(page[i]).empty()) filled.push_back(i);
  }
  if (filled.size() > 4) filled.erase(filled.begin() + 2, filled.end() - 2);
  return filled;
}

// Blanks running heads and page numbers: edge lines that, numbers aside, stand on most pages.
void drop_running_lines(std::vector<Page>& pages) {
  if (pages.size() < 3) return;
  std::unordered_map<std::string, std::size_t> counts;
  for (const Page& page : pages) {
    for (const std::size_t i : edge_lines(page)) ++counts[masked(page[i])];
  }
  const std::size_t enough = std::max<std::size_t>(3, (pages.size() + 1) / 2);
  for (Page& page : pages) {
    for (const std::size_t i : edge_lines(page)) {
      if (counts[masked(page[i])] >= enough) page[i] = {};
    }
  }
}

bool starts_item(std::string_view line) {
  for (const std::string_view mark :
       {"- ", "* ", "\u2022", "\u2013 ", "\u25AA", "\u25CF", "\u00B7"}) {
    if (line.starts_with(mark)) return true;
  }
  const std::size_t digits = std::min(line.find_first_not_of("0123456789"), line.size());
  return digits > 0 && digits < 4 && digits + 1 < line.size() &&
         (line[digits] == '.' || line[digits] == ')') && line[digits + 1] == ' ';
}

// A hyphen that the line end put in: a lower-case letter on both sides of it.
bool ends_with_soft_hyphen(std::string_view text, std::string_view next) {
  return text.size() >= 3 && text.back() == '-' && is_lower(text[text.size() - 2]) &&
         is_lower(text[text.size() - 3]) && !next.empty() && is_lower(next.front());
}

// Depth of a numbered heading such as "3.2 Results"; 0 if the line is none.
int heading_level(std::string_view line) {
  if (line.size() > kLongestHeadingBytes || !is_digit(line[0])) return 0;
  int level = 1;
  std::size_t i = 0;
  while (i < line.size() && (is_digit(line[i]) || line[i] == '.')) {
    if (line[i] == '.' && i + 1 < line.size() && is_digit(line[i + 1])) ++level;
    ++i;
  }
  if (i > 12 || i >= line.size() || line[i] != ' ') return 0;
  const std::string_view words = trim(line.substr(i));
  const bool is_title = count_letters(words) >= 4 &&
                        std::isupper(static_cast<unsigned char>(words[0])) != 0 &&
                        std::string_view(".,;:").find(words.back()) == std::string_view::npos;
  return is_title ? std::min(level, 6) : 0;
}

// Joins the lines of a block, which pdftotext ends with a blank line, to paragraphs.
std::string join_lines(const std::vector<std::string_view>& lines) {
  std::string block;
  bool wrapped = false;
  for (const std::string_view line : lines) {
    if (block.empty()) {
      block = line;
    } else if (ends_with_soft_hyphen(block, line)) {
      block.pop_back();
      block += line;
    } else {
      const bool is_row = line.find(kColumnMark) != std::string_view::npos;
      block += wrapped && !is_row && !starts_item(line) ? ' ' : '\n';
      block += line;
    }
    wrapped = line.size() >= kWrappedLineBytes && line.find(kColumnMark) == std::string_view::npos;
  }
  return block;
}

class TextAssembler {
 public:
  void begin_page() { new_page_ = true; }

  void add(const std::vector<std::string_view>& lines) {
    if (lines.empty()) return;
    // The cells of a table come as blocks of one short line each.
    const bool is_cell = lines.size() == 1 && lines[0].size() < kShortLineBytes;
    const int level = lines.size() == 1 ? heading_level(lines[0]) : 0;
    std::string& text = source_.text;
    if (!text.empty()) text += is_cell && after_cell_ && level == 0 && !new_page_ ? "\n" : "\n\n";
    if (new_page_) mark_page();
    if (level > 0) source_.headings.push_back({text.size(), text.size() + lines[0].size(), level});
    text += join_lines(lines);
    after_cell_ = is_cell && level == 0;
  }

  // A page without text begins where the next one with text does.
  void end_page() {
    if (new_page_) mark_page();
  }

  SourceText take() { return std::move(source_); }

 private:
  void mark_page() {
    source_.page_starts.push_back(source_.text.size());
    new_page_ = false;
  }

  SourceText source_;
  bool new_page_ = false;
  bool after_cell_ = false;
};

SourceText assemble(std::vector<Page> pages) {
  drop_running_lines(pages);
  TextAssembler assembler;
  for (const Page& page : pages) {
    assembler.begin_page();
    std::vector<std::string_view> block;
    for (const std::string_view raw : page) {
      const std::string_view line = trim(raw);
      if (!line.empty()) {
        block.push_back(line);
      } else if (!block.empty()) {
        assembler.add(block);
        block.clear();
      }
    }
    assembler.add(block);
    assembler.end_page();
  }
  return assembler.take();
}

// Producers fill the title in with file names and defaults, which say less than the first line.
bool is_useful_title(std::string_view title) {
  if (title.size() < 4 || title.starts_with("Microsoft ") || title.starts_with("untitled") ||
      title.starts_with("Untitled") || title.starts_with('(')) {
    return false;
  }
  for (const std::string_view ending :
       {".doc", ".docx", ".pdf", ".tex", ".dvi", ".indd", ".odt", ".ppt", ".pptx", ".qxd", ".ps"}) {
    if (title.ends_with(ending)) return false;
  }
  return true;
}

std::string title_of(const std::string& information, const std::string& text) {
  for (const std::string_view line : split(information, '\n')) {
    if (!line.starts_with("Title:")) continue;
    const std::string_view title = trim(line.substr(6));
    if (is_useful_title(title)) return repair_utf8(title);
  }
  // Else the first line that could be one; page and section numbers come first at times.
  constexpr std::size_t kLinesToTry = 5;
  std::string_view rest = text;
  for (std::size_t i = 0; i < kLinesToTry && !rest.empty(); ++i) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    line = trim(line.substr(0, line.find(kColumnMark)));
    if (line.size() > kLongestHeadingBytes) return {};
    if (count_letters(line) >= 4) return std::string(line);
  }
  return {};
}

// pdftotext's output, valid.
std::string extract_text(std::string_view bytes, std::string_view name, const ReadLimits& limits,
                         bool layout) {
  std::vector<std::string> arguments{"pdftotext", "-q", "-enc", "UTF-8", "-eol", "unix"};
  if (layout) arguments.emplace_back("-layout");
  arguments.insert(arguments.end(), {"-", "-"});
  SubprocessResult result;
  const std::string output = run(arguments, bytes, name, limits, result);
  if (result.exit_code != 0) {
    // Without -q it says why; only the way to a refusal pays for asking twice.
    run({"pdftotext", "-", "-"}, bytes, name, limits, result);
    throw_failure(result, name);
  }
  std::string valid = repair_utf8(output);
  std::replace(valid.begin(), valid.end(), '\0', ' ');
  return valid;
}

}  // namespace

SourceText read_pdf(std::string_view bytes, std::string_view name, const ReadLimits& limits) {
  // Reading order, not layout: the latter prints the columns of a paper side by side, which mixes
  // their sentences. Pages of forms and tables are the exception.
  const std::string flowing = extract_text(bytes, name, limits, false);
  std::vector<Page> pages = split_pages(flowing);
  std::vector<std::string> rows;
  if (std::any_of(pages.begin(), pages.end(), is_tabular)) {
    const std::string layout = extract_text(bytes, name, limits, true);
    rows = lay_out(pages, split_pages(layout));
  }
  SourceText source = assemble(std::move(pages));
  if (source.text.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                std::string(name) + " has no text in it: its pages are images",
                "run optical character recognition on it first, for example with ocrmypdf");
  }
  SubprocessResult information;
  const std::string lines =
      run({"pdfinfo", "-enc", "UTF-8", "-"}, bytes, name, limits, information);
  source.title = title_of(lines, source.text);
  source.media_type = "application/pdf";
  return source;
}

}  // namespace tandem
