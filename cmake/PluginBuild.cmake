# The build step that writes plugin_build.h: TANDEM_PLUGIN_BUILD names the headers that a program and its
# plug-ins share (model/plugin.h). Left alone where it would stay the same.
#
#   cmake -DHEADERS=a.h;b.h -DOUTPUT=plugin_build.h -P PluginBuild.cmake
set(digests "")
foreach(header ${HEADERS})
  file(SHA256 ${header} digest)
  string(APPEND digests "${digest}\n")
endforeach()
string(SHA256 digest "${digests}")
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "#define TANDEM_PLUGIN_BUILD \"${digest}\"\n")
