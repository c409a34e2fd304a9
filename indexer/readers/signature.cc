#include "indexer/readers/signature.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/utf8.h"

namespace tandem {
namespace {

constexpr std::size_t kSniffBytes = 4096;

struct Magic {
  std::size_t offset;
  std::string_view bytes;
  std::string_view format;
};

using namespace std::string_view_literals;

constexpr Magic kMagics[] = {
    {0, "\x89PNG\r\n\x1a\n"sv, "an image (png)"},
    {0, "\xff\xd8\xff"sv, "an image (jpeg)"},
    {0, "GIF87a"sv, "an image (gif)"},
    {0, "GIF89a"sv, "an image (gif)"},
    {0, "II*\0"sv, "an image (tiff)"},
    {0, "MM\0*"sv, "an image (tiff)"},
    {8, "WEBP"sv, "an image (webp)"},
    {4, "ftypheic"sv, "an image (heic)"},
    {4, "ftypheix"sv, "an image (heic)"},
    {4, "ftypmif1"sv, "an image (heif)"},
    {4, "ftypavif"sv, "an image (avif)"},
    {4, "ftyp"sv, "a video (mp4)"},
    {0, "8BPS"sv, "an image (psd)"},
    {0, "%!PS"sv, "a PostScript document"},
    {0, "\x1f\x8b"sv, "a compressed file (gzip)"},
    {0, "BZh"sv, "a compressed file (bzip2)"},
    {0,
     "\xfd"
     "7zXZ\0"sv,
     "a compressed file (xz)"},
    {0, "\x28\xb5\x2f\xfd"sv, "a compressed file (zstd)"},
    {0, "7z\xbc\xaf\x27\x1c"sv, "an archive (7z)"},
    {0, "Rar!\x1a\x07"sv, "an archive (rar)"},
    {257, "ustar"sv, "an archive (tar)"},
    {0,
     "\x7f"
     "ELF"sv,
     "a program (ELF)"},
    {0, "MZ\x90\0"sv, "a program (Windows)"},
    {0, "\xca\xfe\xba\xbe"sv, "a Java class or a program (Mach-O)"},
    {0, "\0asm"sv, "a program (WebAssembly)"},
    {0, "ID3"sv, "a sound (mp3)"},
    {0, "OggS"sv, "a sound or video (ogg)"},
    {0, "fLaC"sv, "a sound (flac)"},
    {8, "WAVE"sv, "a sound (wav)"},
    {8, "AVI "sv, "a video (avi)"},
    {0, "\x1a\x45\xdf\xa3"sv, "a video (Matroska)"},
    {0, "SQLite format 3\0"sv, "an SQLite database"},
    {0, "PAR1"sv, "a Parquet table"},
    {0, "GGUF"sv, "a model file (GGUF)"},
    {0, "wOFF"sv, "a font (woff)"},
    {0, "wOF2"sv, "a font (woff2)"},
    {0, "\0\1\0\0\0"sv, "a font (TrueType)"},
};

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// The formats of Office before 2007. Entry names of an OLE compound file are UTF-16.
Signature name_ole(std::string_view bytes) {
  const auto refused = [](std::string_view format, std::string_view advice) {
    return Signature{ContentKind::kUnsupported, std::string(format), std::string(advice)};
  };
  if (contains(bytes, "E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0"sv)) {
    return refused("an Office document with a password", "save it without one");
  }
  if (contains(bytes, "W\0o\0r\0d\0D\0o\0c\0u\0m\0e\0n\0t\0"sv)) {
    return refused("an old Word document (doc)", "save it as DOCX or PDF");
  }
  if (contains(bytes, "P\0o\0w\0e\0r\0P\0o\0i\0n\0t\0"sv)) {
    return refused("an old PowerPoint presentation (ppt)", "save it as PPTX or PDF");
  }
  if (contains(bytes, "_\0_\0s\0u\0b\0s\0t\0g\0"sv)) {
    return refused("an Outlook message (msg)", "save it as EML, HTML or text");
  }
  if (contains(bytes, "W\0o\0r\0k\0b\0o\0o\0k\0"sv) || contains(bytes, "B\0o\0o\0k\0"sv)) {
    return refused("an old Excel workbook (xls)", "save it as XLSX or CSV");
  }
  return refused("an old Office document (OLE)", "save it in the format of Office 2007 or later");
}

// A bitmap's header repeats the size of the file, which keeps prose that starts with "BM" apart.
bool is_bitmap(std::string_view bytes) {
  return bytes.size() > 30 && bytes.starts_with("BM") && bytes.substr(6, 4) == "\0\0\0\0"sv;
}

bool is_email(std::string_view head) {
  const std::size_t colon = head.find(": ");
  if (colon == std::string_view::npos || colon > 40) return false;
  const bool header_first =
      std::all_of(head.begin(), head.begin() + static_cast<long>(colon),
                  [](char c) { return c == '-' || std::isalnum(static_cast<unsigned char>(c)); });
  if (!header_first) return false;
  const std::string text = "\n" + lower_ascii(head);
  return contains(text, "\ncontent-type: ") &&
         (contains(text, "\nmime-version: ") ||
          (contains(text, "\nfrom: ") && contains(text, "\nsubject: ")));
}

// Passes over what may stand before the first element: white space, comments, declarations.
bool is_html(std::string_view head) {
  const std::string text = lower_ascii(head);
  std::size_t at = 0;
  while (true) {
    at = text.find_first_not_of(" \t\r\n\f", at);
    if (at == std::string::npos) return false;
    const std::string_view rest = std::string_view(text).substr(at);
    if (rest.starts_with("<!doctype html") || rest.starts_with("<html")) return true;
    std::string_view end;
    if (rest.starts_with("<!--")) {
      end = "-->";
    } else if (rest.starts_with("<?")) {
      end = "?>";
    } else {
      return false;
    }
    const std::size_t close = text.find(end, at);
    if (close == std::string::npos) return false;
    at = close + end.size();
  }
}

}  // namespace

Signature detect_signature(std::string_view bytes) {
  if (bytes.starts_with("%PDF-")) return {ContentKind::kPdf, "a PDF document", {}};
  const auto unsupported = [](std::string_view format) {
    return Signature{ContentKind::kUnsupported, std::string(format), {}};
  };
  if (bytes.starts_with("PK\3\4") || bytes.starts_with("PK\5\6")) {
    return {ContentKind::kZip, "an archive (zip)", {}};
  }
  if (bytes.starts_with("{\\rtf")) return {ContentKind::kRtf, "a Rich Text document (rtf)", {}};
  if (bytes.starts_with("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")) return name_ole(bytes);
  if (is_bitmap(bytes)) return unsupported("an image (bmp)");
  for (const Magic& magic : kMagics) {
    if (bytes.size() > magic.offset && bytes.substr(magic.offset).starts_with(magic.bytes)) {
      return unsupported(magic.format);
    }
  }
  std::string_view head = bytes.substr(0, kSniffBytes);
  if (head.starts_with("\xEF\xBB\xBF")) head.remove_prefix(3);
  if (is_html(head)) return {ContentKind::kHtml, "an HTML page", {}};
  if (is_email(head)) return {ContentKind::kEmail, "an e-mail (MIME)", {}};
  return {};
}

bool looks_binary(std::string_view bytes) {
  if (bytes.find('\0') != std::string_view::npos) return true;
  const std::string_view sample = bytes.substr(0, 64 << 10);
  // Text in every encoding that is not refused by its NULs keeps below 0x20 to white space and, in
  // ISO 2022 and coloured logs, ESC.
  const auto controls = std::count_if(sample.begin(), sample.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && !(byte >= 0x08 && byte <= 0x0D) && byte != 0x1B) || byte == 0x7F;
  });
  return static_cast<std::size_t>(controls) * 50 > sample.size();
}

}  // namespace tandem
