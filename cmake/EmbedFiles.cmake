# embed_files(TARGET HEADER FILE...)
#
# Makes the content of files part of the program: generates HEADER (such as server/web_files.h) and a
# source beside it, where "index.html" becomes the std::string_view tandem::web_files::index_html, and
# adds them to TARGET. A changed file is embedded again by the next build.
function(embed_files target header)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/embedded)
  get_filename_component(name ${header} NAME_WE)
  set(source ${folder}/${name}.cc)
  list(TRANSFORM ARGN PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/ OUTPUT_VARIABLE files)
  add_custom_command(
    OUTPUT ${source} ${folder}/${header}
    COMMAND ${CMAKE_COMMAND} "-DFILES=${files}" -DHEADER=${header} -DFOLDER=${folder} -DNAME=${name}
            -P ${CMAKE_SOURCE_DIR}/cmake/EmbedFiles.cmake
    DEPENDS ${files} ${CMAKE_SOURCE_DIR}/cmake/EmbedFiles.cmake
    COMMENT "Embedding ${ARGN}"
    VERBATIM)
  target_sources(${target} PRIVATE ${source} ${folder}/${header})
  target_include_directories(${target} PRIVATE ${folder})
endfunction()

if(NOT CMAKE_SCRIPT_MODE_FILE)
  return()
endif()

# From here on: the build step itself.
set(declarations "")
set(definitions "")
foreach(file ${FILES})
  get_filename_component(identifier ${file} NAME)
  string(MAKE_C_IDENTIFIER ${identifier} identifier)
  file(READ ${file} hex HEX)
  string(LENGTH "${hex}" digits)
  math(EXPR size "${digits} / 2")
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  string(APPEND declarations "extern const std::string_view ${identifier};\n")
  string(APPEND definitions
    "static constexpr unsigned char ${identifier}_bytes[] = {${bytes}0};\n"
    "const std::string_view ${identifier}(reinterpret_cast<const char*>(${identifier}_bytes), ${size});\n")
endforeach()
set(guard "TANDEM_EMBEDDED_${NAME}_H_")
string(TOUPPER ${guard} guard)
file(WRITE ${FOLDER}/${HEADER}
  "#ifndef ${guard}\n#define ${guard}\n\n#include <string_view>\n\n"
  "namespace tandem::${NAME} {\n\n${declarations}\n}  // namespace tandem::${NAME}\n\n#endif  // ${guard}\n")
file(WRITE ${FOLDER}/${NAME}.cc
  "#include \"${HEADER}\"\n\nnamespace tandem::${NAME} {\n\n${definitions}\n}  // namespace tandem::${NAME}\n")
