# Registries made from file names and embedded data files, so that adding a probe, score, exporter,
# preset or metric set means adding files and touching nothing else.

# ssmprof_registry(OUT_VAR NAMESPACE ns HEADER header.hpp TYPE Type KIND probe FILES a_probe.cpp …)
# Each file NAME_KIND.cpp defines `std::unique_ptr<Type> make_NAME_KIND()` in the namespace; the
# generated source defines `std::vector<std::unique_ptr<Type>> make_KINDs()`, sorted by file name.
function(ssmprof_registry out_var)
  cmake_parse_arguments(R "" "NAMESPACE;HEADER;TYPE;KIND" "FILES" ${ARGN})
  set(declarations "")
  set(calls "")
  list(SORT R_FILES)
  foreach(file IN LISTS R_FILES)
    get_filename_component(stem ${file} NAME_WE)
    string(APPEND declarations "std::unique_ptr<${R_TYPE}> make_${stem}();\n")
    string(APPEND calls "  all.push_back(make_${stem}());\n")
  endforeach()
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${R_KIND}_registry.cpp)
  file(CONFIGURE OUTPUT ${source} @ONLY CONTENT
"// Generated from the file names *_@R_KIND@.cpp.
#include <memory>
#include <vector>

#include \"@R_HEADER@\"

namespace @R_NAMESPACE@ {
@declarations@
std::vector<std::unique_ptr<@R_TYPE@>> make_@R_KIND@s() {
  std::vector<std::unique_ptr<@R_TYPE@>> all;
@calls@  return all;
}
}  // namespace @R_NAMESPACE@
")
  set(${out_var} ${source} PARENT_SCOPE)
endfunction()

# ssmprof_embed(OUT_VAR NAMESPACE ns FUNCTION presets FILES a.json …)
# Defines `const std::map<std::string, std::string>& FUNCTION()`: file stem → content.
function(ssmprof_embed out_var)
  cmake_parse_arguments(E "" "NAMESPACE;FUNCTION" "FILES" ${ARGN})
  set(entries "")
  list(SORT E_FILES)
  foreach(file IN LISTS E_FILES)
    get_filename_component(stem ${file} NAME)
    string(REGEX REPLACE "\\.[^.]*$" "" stem ${stem})
    file(READ ${file} content)
    string(APPEND entries "    {\"${stem}\", R\"embed(${content})embed\"},\n")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  endforeach()
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${E_FUNCTION}.cpp)
  file(CONFIGURE OUTPUT ${source} @ONLY CONTENT
"// Generated from data files.
#include <map>
#include <string>

namespace @E_NAMESPACE@ {
const std::map<std::string, std::string>& @E_FUNCTION@() {
  static const std::map<std::string, std::string> files = {
@entries@  };
  return files;
}
}  // namespace @E_NAMESPACE@
")
  set(${out_var} ${source} PARENT_SCOPE)
endfunction()
