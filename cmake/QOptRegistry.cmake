# Explicit registration without lists to edit.
#
# qopt_generate_registry(HEADER h NAMESPACE ns FUNCTION f ARGUMENT T [FOLDER f] [PREFIX p] [SUFFIX s])
# Every file X.cpp of the current folder (or of its subfolder f) defines `void ns::<prefix>X<suffix>(T &)`; the generated file defines
# `void ns::f(T &)` that calls them in alphabetical order. Nothing runs before main. EXCLUDE names files without one.
function(qopt_generate_registry)
  cmake_parse_arguments(ARG "" "HEADER;NAMESPACE;FUNCTION;ARGUMENT;FOLDER;PREFIX;SUFFIX" "EXCLUDE" ${ARGN})
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  qopt_folder_target(${folder} component)
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_FOLDER}/*.cpp)
  list(SORT files)
  set(declarations)
  set(calls)
  foreach(file IN LISTS files)
    get_filename_component(stem ${file} NAME_WE)
    if(stem IN_LIST ARG_EXCLUDE)
      continue()
    endif()
    string(APPEND declarations "void ${ARG_PREFIX}${stem}${ARG_SUFFIX}(${ARG_ARGUMENT} &);\n")
    string(APPEND calls "  ${ARG_PREFIX}${stem}${ARG_SUFFIX}(registry);\n")
  endforeach()
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${ARG_FUNCTION}.cpp)
  file(CONFIGURE OUTPUT ${out} @ONLY CONTENT
"// Generated from the files of the folder.
#include \"${ARG_HEADER}\"
namespace ${ARG_NAMESPACE} {
${declarations}
void ${ARG_FUNCTION}(${ARG_ARGUMENT} &registry) {
${calls}}
} // namespace ${ARG_NAMESPACE}
")
  target_sources(${component} PRIVATE ${out})
endfunction()

# qopt_add_passes(): every X.td of the current folder, beside X.cpp, declares the pass; the generated
# registration function of folder F is `void qopt::registerFPasses()`, and "qopt/Passes/F.h" (generated) declares it and
# `qopt::createX(...)` for every pass.
function(qopt_add_passes)
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  qopt_folder_target(${folder} component)
  get_filename_component(family ${CMAKE_CURRENT_SOURCE_DIR} NAME)
  file(GLOB tds CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.td)
  list(SORT tds)
  set(qopt_generated)
  set(text "// Generated from the .td files of the folder.\n#include \"mlir/Pass/Pass.h\"\n#include \"mlir/Pass/PassRegistry.h\"\n")
  set(includes)
  set(calls)
  set(declarations)
  foreach(td IN LISTS tds)
    get_filename_component(stem ${td} NAME_WE)
    qopt_tablegen(${stem}.td ${stem}.h.inc -gen-pass-decls -name=${stem})
    string(APPEND includes "#define GEN_PASS_DECL\n#include \"${CMAKE_CURRENT_BINARY_DIR}/${stem}.h.inc\"\n")
    string(APPEND includes "#define GEN_PASS_REGISTRATION\n#include \"${CMAKE_CURRENT_BINARY_DIR}/${stem}.h.inc\"\n")
    string(APPEND calls "  register${stem}();\n")
    qopt_add_docs(${component}-${stem}-docs ${stem}.td passes/${stem}.md -gen-pass-doc)
    string(TOUPPER ${stem} upper)
    string(APPEND declarations "#define GEN_PASS_DECL_${upper}\n#include \"${CMAKE_CURRENT_BINARY_DIR}/${stem}.h.inc\"\n")
  endforeach()
  add_custom_target(${component}-tablegen DEPENDS ${qopt_generated})
  set_property(GLOBAL APPEND PROPERTY QOPT_TABLEGEN_TARGETS ${component}-tablegen)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/register${family}Passes.cpp)
  file(CONFIGURE OUTPUT ${out} @ONLY CONTENT
"${text}
namespace qopt {
${includes}
void register${family}Passes() {
${calls}}
} // namespace qopt
")
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/include/qopt/Passes/${family}.h @ONLY CONTENT
"// Generated from the .td files of lib/Passes/${family}.
#ifndef QOPT_PASSES_${family}_H
#define QOPT_PASSES_${family}_H
#include \"mlir/Pass/Pass.h\"
namespace qopt {
void register${family}Passes();
${declarations}} // namespace qopt
#endif
")
  target_sources(${component} PRIVATE ${out})
  target_include_directories(${component} PRIVATE ${CMAKE_CURRENT_BINARY_DIR})
endfunction()

# Generated headers first, then everything that may include them.
function(qopt_order_after_tablegen)
  get_property(generated GLOBAL PROPERTY QOPT_TABLEGEN_TARGETS)
  foreach(folder IN LISTS ARGN)
    qopt_folder_target(${folder} component)
    if(TARGET ${component})
      add_dependencies(${component} ${generated})
    endif()
  endforeach()
endfunction()
