# The folders in the order of their dependencies, and the three libraries made of them.
set(runtime_folders lib/Base lib/Package lib/Runtime)
set(dialect_folders dialects/QOpt dialects/QKernel)
set(compiler_folders lib/Support lib/Analysis lib/Schemes lib/Reference lib/Import/ONNX lib/Passes/Graph
  lib/Passes/Precision lib/Passes/Fusion lib/Passes/Verify lib/Targets/Common lib/Targets/CPU lib/Targets/NVPTX lib/Pipelines lib/Evaluate)

qopt_add_folders(${runtime_folders})
qopt_link_folders(qopt_runtime qopt-runtime FOLDERS ${runtime_folders}
  LIBS nlohmann_json::nlohmann_json PkgConfig::LIBZIP PkgConfig::XXHASH Threads::Threads ${CMAKE_DL_LIBS})
if(TARGET qopt_runtime)
  add_library(QOpt::Runtime ALIAS qopt_runtime)
endif()

if(QOPT_COMPILER)
  qopt_add_folders(${dialect_folders} ${compiler_folders})
  qopt_order_after_tablegen(${dialect_folders} ${compiler_folders})
  qopt_link_folders(qopt_dialects QOptDialects FOLDERS ${dialect_folders} LIBS qopt_llvm)
  qopt_link_folders(qopt_compiler QOpt FOLDERS ${compiler_folders} OBJECTS qopt_onnx_proto
    LIBS qopt_dialects $<TARGET_NAME_IF_EXISTS:qopt_runtime> qopt_llvm protobuf::libprotobuf-lite ${QOPT_LLD_ELF} ${QOPT_LLD_COMMON})
  add_library(QOpt::Dialects ALIAS qopt_dialects)
  add_library(QOpt::Compiler ALIAS qopt_compiler)
  configure_file(cmake/QOptConfig.cmake.in ${PROJECT_BINARY_DIR}/cmake/QOptConfig.cmake @ONLY)
endif()

file(GLOB tools RELATIVE ${PROJECT_SOURCE_DIR} CONFIGURE_DEPENDS tools/*/CMakeLists.txt)
foreach(list IN LISTS tools)
  get_filename_component(folder ${list} DIRECTORY)
  if(QOPT_COMPILER OR folder STREQUAL "tools/qopt-run")
    add_subdirectory(${folder})
  endif()
endforeach()
# What there is to use, without the tests.
get_property(tools GLOBAL PROPERTY QOPT_TOOLS)
add_custom_target(qopt-tools DEPENDS ${tools})
if(QOPT_COMPILER)
  add_subdirectory(benchmarks)
endif()
if(QOPT_TESTS)
  add_subdirectory(test)
endif()
