// Small Office documents, OpenDocument files and e-books made of the XML that a test is about.
#ifndef TANDEM_TESTS_SUPPORT_OFFICE_FILES_H_
#define TANDEM_TESTS_SUPPORT_OFFICE_FILES_H_

#include <string>
#include <string_view>

#include "tests/support/zip_builder.h"

namespace tandem::testing {

inline constexpr std::string_view kXmlHead = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
inline constexpr std::string_view kOfficeTypes =
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

inline std::string content_types(std::string_view part, std::string_view type) {
  return std::string(kXmlHead) +
         "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">"
         "<Default Extension=\"xml\" ContentType=\"application/xml\"/><Override PartName=\"" +
         std::string(part) + "\" ContentType=\"application/vnd.openxmlformats-officedocument." +
         std::string(type) + ".main+xml\"/></Types>";
}

// `type` is the last word of its address.
struct RelationOf {
  std::string_view id;
  std::string_view type;
  std::string_view target;
};

inline std::string relations(const std::vector<RelationOf>& all) {
  std::string xml = std::string(kXmlHead) +
                    "<Relationships "
                    "xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">";
  for (const RelationOf& one : all) {
    xml += "<Relationship Id=\"" + std::string(one.id) + "\" Type=\"" + std::string(kOfficeTypes) +
           "/" + std::string(one.type) + "\" Target=\"" + std::string(one.target) + "\"/>";
  }
  return xml + "</Relationships>";
}

inline std::string core_title(std::string_view title) {
  return std::string(kXmlHead) +
         "<cp:coreProperties xmlns:cp=\"urn:cp\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\">"
         "<dc:title>" +
         std::string(title) + "</dc:title></cp:coreProperties>";
}

// The parts of a Word document with a few styles and a footnote.
inline ZipEntries docx_entries(std::string_view body) {
  constexpr std::string_view kNames =
      " xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\""
      " xmlns:m=\"http://schemas.openxmlformats.org/officeDocument/2006/math\""
      " xmlns:mc=\"http://schemas.openxmlformats.org/markup-compatibility/2006\"";
  const std::string names(kNames);
  const std::string styles =
      "<w:styles" + names + ">" +
      "<w:style w:type=\"paragraph\" w:styleId=\"T\"><w:name w:val=\"Title\"/></w:style>"
      "<w:style w:type=\"paragraph\" w:styleId=\"H1\"><w:name w:val=\"heading 1\"/></w:style>"
      "<w:style w:type=\"paragraph\" w:styleId=\"H2\"><w:name w:val=\"Heading 2\"/></w:style>"
      "<w:style w:type=\"paragraph\" w:styleId=\"Mine\"><w:name w:val=\"Mine\"/>"
      "<w:basedOn w:val=\"H2\"/></w:style>"
      "<w:style w:type=\"paragraph\" w:styleId=\"Loop\"><w:basedOn w:val=\"Loop\"/></w:style>"
      "<w:style w:type=\"paragraph\" w:styleId=\"C1\"><w:name w:val=\"toc 1\"/></w:style>"
      "</w:styles>";
  const std::string notes =
      "<w:footnotes" + names +
      "><w:footnote w:id=\"0\" w:type=\"separator\"><w:p><w:r><w:t>no</w:t>"
      "</w:r></w:p></w:footnote><w:footnote w:id=\"1\"><w:p><w:r><w:t>A note.</w:t></w:r></w:p>"
      "</w:footnote></w:footnotes>";
  return {{"[Content_Types].xml", content_types("/word/document.xml", "wordprocessingml.document")},
          {"word/document.xml", std::string(kXmlHead) + "<w:document" + names + "><w:body>" +
                                    std::string(body) + "</w:body></w:document>"},
          {"word/_rels/document.xml.rels",
           relations({{"r1", "styles", "styles.xml"}, {"r2", "footnotes", "/word/footnotes.xml"}})},
          {"word/styles.xml", styles},
          {"word/footnotes.xml", notes}};
}

// The shapes of each slide.
inline ZipEntries pptx_entries(const std::vector<std::string>& slides) {
  const std::string names =
      " xmlns:p=\"http://schemas.openxmlformats.org/presentationml/2006/main\""
      " xmlns:a=\"http://schemas.openxmlformats.org/drawingml/2006/main\" xmlns:r=\"" +
      std::string(kOfficeTypes) + "\"";
  ZipEntries entries{{"[Content_Types].xml",
                      content_types("/ppt/presentation.xml", "presentationml.presentation")}};
  std::string list;
  std::vector<std::string> ids;
  std::vector<std::string> targets;
  std::vector<RelationOf> all;
  for (std::size_t i = 0; i < slides.size(); ++i) {
    ids.push_back("rId" + std::to_string(i + 1));
    // Numbered backwards: the order is that of the list.
    targets.push_back("slides/slide" + std::to_string(slides.size() - i) + ".xml");
  }
  for (std::size_t i = 0; i < slides.size(); ++i) {
    list += "<p:sldId id=\"" + std::to_string(256 + i) + "\" r:id=\"" + ids[i] + "\"/>";
    all.push_back({ids[i], "slide", targets[i]});
    entries.emplace_back("ppt/" + targets[i],
                         "<p:sld" + names + "><p:cSld>" + slides[i] + "</p:cSld></p:sld>");
  }
  entries.emplace_back("ppt/presentation.xml", "<p:presentation" + names + "><p:sldIdLst>" + list +
                                                   "</p:sldIdLst></p:presentation>");
  entries.emplace_back("ppt/_rels/presentation.xml.rels", relations(all));
  return entries;
}

// One sheet of rows, beside a hidden one; the strings that cells may share.
inline ZipEntries xlsx_entries(std::string_view rows, std::string_view strings = {}) {
  const std::string names =
      " xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" xmlns:r=\"" +
      std::string(kOfficeTypes) + "\"";
  return {
      {"[Content_Types].xml", content_types("/xl/workbook.xml", "spreadsheetml.sheet")},
      {"xl/workbook.xml",
       "<workbook" + names +
           "><sheets><sheet name=\"Stock\" r:id=\"r1\"/><sheet name=\"Secret\" state=\"hidden\" "
           "r:id=\"r1\"/></sheets></workbook>"},
      {"xl/_rels/workbook.xml.rels", relations({{"r1", "worksheet", "worksheets/sheet1.xml"},
                                                {"r2", "sharedStrings", "sharedStrings.xml"},
                                                {"r3", "styles", "styles.xml"}})},
      {"xl/styles.xml", "<styleSheet" + names +
                            "><numFmts><numFmt numFmtId=\"164\" formatCode=\"yyyy\\-mm\\-dd\"/>"
                            "</numFmts><cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"164\"/>"
                            "<xf numFmtId=\"10\"/></cellXfs></styleSheet>"},
      {"xl/sharedStrings.xml", "<sst" + names + ">" + std::string(strings) + "</sst>"},
      {"xl/worksheets/sheet1.xml",
       "<worksheet" + names + "><sheetData>" + std::string(rows) + "</sheetData></worksheet>"}};
}

// `kind`: text, spreadsheet or presentation.
inline ZipEntries odf_entries(std::string_view kind, std::string_view body,
                              std::string_view styles = {}) {
  const auto name = [](std::string_view prefix, std::string_view last) {
    return " xmlns:" + std::string(prefix) +
           "=\"urn:oasis:names:tc:opendocument:xmlns:" + std::string(last) + ":1.0\"";
  };
  const std::string names = name("office", "office") + name("text", "text") +
                            name("table", "table") + name("draw", "drawing") +
                            name("style", "style") + name("presentation", "presentation") +
                            " xmlns:dc=\"http://purl.org/dc/elements/1.1/\"";
  return {
      {"mimetype", "application/vnd.oasis.opendocument." + std::string(kind)},
      {"content.xml", std::string(kXmlHead) + "<office:document-content" + names +
                          "><office:automatic-styles>" + std::string(styles) +
                          "</office:automatic-styles><office:body><office:" + std::string(kind) +
                          ">" + std::string(body) + "</office:" + std::string(kind) +
                          "></office:body></office:document-content>"},
      {"meta.xml",
       "<m xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><dc:title>Meta "
       "title</dc:title></m>"}};
}

// The documents of the spine; the table of contents names the first "Preface".
inline ZipEntries epub_entries(const std::vector<std::string>& documents) {
  ZipEntries entries{
      {"mimetype", "application/epub+zip"},
      {"META-INF/container.xml",
       "<container xmlns=\"urn:oasis:names:tc:opendocument:xmlns:container\"><rootfiles><rootfile "
       "full-path=\"book/content.opf\"/></rootfiles></container>"}};
  std::string manifest =
      "<item id=\"ncx\" href=\"toc.ncx\" media-type=\"application/x-dtbncx+xml\"/>";
  std::string spine;
  for (std::size_t i = 0; i < documents.size(); ++i) {
    const std::string number = std::to_string(i + 1);
    // Manifests may stand in any order.
    manifest = "<item id=\"d" + number + "\" href=\"part%20" + number +
               ".xhtml\" media-type=\"application/xhtml+xml\"/>" + manifest;
    spine += "<itemref idref=\"d" + number + "\"/>";
    entries.emplace_back("book/part " + number + ".xhtml", documents[i]);
  }
  entries.emplace_back("book/content.opf",
                       "<package xmlns=\"http://www.idpf.org/2007/opf\"><metadata "
                       "xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><dc:title>The "
                       "Book</dc:title></metadata><manifest>" +
                           manifest + "</manifest><spine>" + spine + "</spine></package>");
  entries.emplace_back(
      "book/toc.ncx",
      "<!DOCTYPE ncx PUBLIC \"-//NISO//DTD ncx 2005-1//EN\" "
      "\"http://www.daisy.org/z3986/2005/ncx-2005-1.dtd\"><ncx><navMap><navPoint>"
      "<navLabel><text>Preface</text></navLabel><content src=\"part%201.xhtml#a\"/>"
      "</navPoint></navMap></ncx>");
  return entries;
}

}  // namespace tandem::testing

#endif  // TANDEM_TESTS_SUPPORT_OFFICE_FILES_H_
