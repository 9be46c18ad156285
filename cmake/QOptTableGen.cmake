# TableGen rules. Generated files land beside each folder's place in the build tree, so that they are
# included by the same path as hand-written headers.
set(QOPT_TBLGEN_INCLUDES ${MLIR_INCLUDE_DIRS} ${LLVM_INCLUDE_DIRS} ${PROJECT_SOURCE_DIR}/dialects ${PROJECT_SOURCE_DIR}/include)
find_program(QOPT_MLIR_TBLGEN NAMES mlir-tblgen mlir-tblgen-22 PATHS ${LLVM_TOOLS_BINARY_DIR} NO_DEFAULT_PATH REQUIRED)

# qopt_tablegen(<td> <output> <generator flags...>): appends the output to qopt_generated of the caller.
function(qopt_tablegen td output)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${output})
  set(includes)
  foreach(dir IN LISTS QOPT_TBLGEN_INCLUDES)
    list(APPEND includes -I${dir})
  endforeach()
  file(GLOB tds CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.td ${PROJECT_SOURCE_DIR}/dialects/*/*.td)
  add_custom_command(OUTPUT ${out}
    COMMAND ${QOPT_MLIR_TBLGEN} ${ARGN} ${CMAKE_CURRENT_SOURCE_DIR}/${td} ${includes} -o ${out} --write-if-changed
    DEPENDS ${tds} COMMENT "tblgen ${output}")
  set(qopt_generated ${qopt_generated} ${out} PARENT_SCOPE)
endfunction()

# qopt_add_docs(<target> <td> <page> <generator flags...>): a page of build/docs, part of the target qopt-docs.
function(qopt_add_docs name td page)
  set(out ${PROJECT_BINARY_DIR}/docs/${page})
  set(includes)
  foreach(dir IN LISTS QOPT_TBLGEN_INCLUDES)
    list(APPEND includes -I${dir})
  endforeach()
  file(GLOB tds CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.td ${PROJECT_SOURCE_DIR}/dialects/*/*.td)
  add_custom_command(OUTPUT ${out} COMMAND ${QOPT_MLIR_TBLGEN} ${ARGN} ${CMAKE_CURRENT_SOURCE_DIR}/${td} ${includes} -o ${out}
    DEPENDS ${tds} COMMENT "docs/${page}")
  add_custom_target(${name} DEPENDS ${out})
  if(NOT TARGET qopt-docs)
    add_custom_target(qopt-docs)
  endif()
  add_dependencies(qopt-docs ${name})
endfunction()

# qopt_add_dialect(<name> <dialect>): the usual set for a dialect folder holding <name>Ops.td,
# <name>Types.td, <name>Attributes.td, <name>Interfaces.td.
function(qopt_add_dialect name dialect)
  set(qopt_generated)
  qopt_tablegen(${name}Ops.td ${name}Dialect.h.inc -gen-dialect-decls -dialect=${dialect})
  qopt_tablegen(${name}Ops.td ${name}Dialect.cpp.inc -gen-dialect-defs -dialect=${dialect})
  qopt_tablegen(${name}Ops.td ${name}Ops.h.inc -gen-op-decls)
  qopt_tablegen(${name}Ops.td ${name}Ops.cpp.inc -gen-op-defs)
  qopt_tablegen(${name}Types.td ${name}Types.h.inc -gen-typedef-decls -typedefs-dialect=${dialect})
  qopt_tablegen(${name}Types.td ${name}Types.cpp.inc -gen-typedef-defs -typedefs-dialect=${dialect})
  qopt_tablegen(${name}Attributes.td ${name}Attributes.h.inc -gen-attrdef-decls -attrdefs-dialect=${dialect})
  qopt_tablegen(${name}Attributes.td ${name}Attributes.cpp.inc -gen-attrdef-defs -attrdefs-dialect=${dialect})
  qopt_tablegen(${name}Attributes.td ${name}Enums.h.inc -gen-enum-decls)
  qopt_tablegen(${name}Attributes.td ${name}Enums.cpp.inc -gen-enum-defs)
  qopt_tablegen(${name}Interfaces.td ${name}OpInterfaces.h.inc -gen-op-interface-decls)
  qopt_tablegen(${name}Interfaces.td ${name}OpInterfaces.cpp.inc -gen-op-interface-defs)
  qopt_tablegen(${name}Interfaces.td ${name}TypeInterfaces.h.inc -gen-type-interface-decls)
  qopt_tablegen(${name}Interfaces.td ${name}TypeInterfaces.cpp.inc -gen-type-interface-defs)
  qopt_tablegen(${name}Interfaces.td ${name}AttrInterfaces.h.inc -gen-attr-interface-decls)
  qopt_tablegen(${name}Interfaces.td ${name}AttrInterfaces.cpp.inc -gen-attr-interface-defs)
  add_custom_target(${name}-tablegen DEPENDS ${qopt_generated})
  set_property(GLOBAL APPEND PROPERTY QOPT_TABLEGEN_TARGETS ${name}-tablegen)

  file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/docs/passes)
  qopt_add_docs(${name}-docs ${name}Ops.td ${name}.md -gen-dialect-doc -dialect=${dialect})
endfunction()
