# tandem_room(NAME SOURCES a.cc ... [LINK targets ...] [PRIVATE_LINK targets ...])
#
# A room is one folder, one static library and one target, tandem_NAME. Includes are written from the
# root of the tree ("store/store.h").
#
# Plug-ins hold copies of what they use of the rooms, hence position-independent code. Hidden names keep
# it as fast as that of a program, and the copies apart.
function(tandem_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;LINK;PRIVATE_LINK" ${ARGN})
  add_library(tandem_${name} STATIC ${ROOM_SOURCES})
  target_include_directories(tandem_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_compile_options(tandem_${name} PRIVATE -Wall -Wextra -Wshadow -Wconversion)
  target_link_libraries(tandem_${name} PUBLIC ${ROOM_LINK} PRIVATE ${ROOM_PRIVATE_LINK})
  set_target_properties(tandem_${name} PROPERTIES
    POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
endfunction()

# tandem_plugin(NAME SOURCES a.cc ... [LINK targets ...])
#
# A library libtandem_NAME.so beside the program, which opens it when it needs it (model/plugin.h), and in
# lib/ of a bundle.
function(tandem_plugin name)
  cmake_parse_arguments(PLUGIN "" "" "SOURCES;LINK" ${ARGN})
  add_library(tandem_${name} MODULE ${PLUGIN_SOURCES})
  target_include_directories(tandem_${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_compile_options(tandem_${name} PRIVATE -Wall -Wextra -Wshadow)
  target_link_libraries(tandem_${name} PRIVATE ${PLUGIN_LINK})
  # A name that nothing defines is an error here, instead of when the library is opened.
  if(NOT TANDEM_SANITIZER)
    target_link_options(tandem_${name} PRIVATE LINKER:--no-undefined)
  endif()
  set_target_properties(tandem_${name} PROPERTIES
    CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}
    INSTALL_RPATH "$ORIGIN")
  install(TARGETS tandem_${name} LIBRARY DESTINATION lib COMPONENT bundle)
endfunction()

# tandem_test(NAME SOURCES a_test.cc ... [LINK targets ...] [LABEL fast|slow] [TIMEOUT seconds])
#
# One GoogleTest program, registered test by test. `fast` (the default) is what one runs while
# working; `slow` is added by scripts/test.
function(tandem_test name)
  cmake_parse_arguments(TEST "" "LABEL;TIMEOUT" "SOURCES;LINK" ${ARGN})
  if(NOT TEST_LABEL)
    set(TEST_LABEL fast)
  endif()
  if(NOT TEST_TIMEOUT)
    set(TEST_TIMEOUT 300)
  endif()
  add_executable(${name} ${TEST_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_compile_options(${name} PRIVATE -Wall -Wextra -Wshadow)
  target_link_libraries(${name} PRIVATE ${TEST_LINK} GTest::gmock GTest::gtest_main)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST
                       PROPERTIES LABELS ${TEST_LABEL} TIMEOUT ${TEST_TIMEOUT})
endfunction()
