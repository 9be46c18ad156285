# The folders in the order of their dependencies, and the three libraries made of them.
add_subdirectory(lib/Base)
add_subdirectory(lib/Package)
add_subdirectory(lib/Runtime)
qopt_add_shared_library(qopt_runtime qopt-runtime
  COMPONENTS QOptBase QOptPackage QOptRuntime
  LIBS nlohmann_json::nlohmann_json PkgConfig::XXHASH Threads::Threads ${CMAKE_DL_LIBS})
add_library(QOpt::Runtime ALIAS qopt_runtime)

if(QOPT_COMPILER)
  add_subdirectory(dialects/QOpt)
  add_subdirectory(dialects/QKernel)
  add_subdirectory(lib/Support)
  add_subdirectory(lib/Analysis)
  add_subdirectory(lib/Schemes)
  add_subdirectory(lib/Reference)
  add_subdirectory(lib/Import/ONNX)
  add_subdirectory(lib/Passes/Graph)
  add_subdirectory(lib/Passes/Precision)
  add_subdirectory(lib/Passes/Fusion)
  add_subdirectory(lib/Passes/Verify)
  add_subdirectory(lib/Targets/CPU)
  add_subdirectory(lib/Pipelines)
  add_subdirectory(lib/Evaluate)

  set(dialect_components QOptDialect QKernelDialect)
  set(compiler_components QOptSupport QOptAnalysis QOptSchemes QOptReference QOptImportONNX Graph Precision
    Fusion Verify QOptTargetCPU QOptPipelines QOptEvaluate)
  qopt_order_after_tablegen(${dialect_components} ${compiler_components})

  qopt_add_shared_library(qopt_dialects QOptDialects COMPONENTS ${dialect_components} LIBS qopt_llvm)
  qopt_add_shared_library(qopt_compiler QOpt COMPONENTS ${compiler_components} qopt_onnx_proto
    LIBS qopt_dialects qopt_runtime qopt_llvm protobuf::libprotobuf-lite ${QOPT_LLD_ELF} ${QOPT_LLD_COMMON})
  add_library(QOpt::Dialects ALIAS qopt_dialects)
  add_library(QOpt::Compiler ALIAS qopt_compiler)
endif()

file(GLOB tools RELATIVE ${PROJECT_SOURCE_DIR} CONFIGURE_DEPENDS tools/*/CMakeLists.txt)
foreach(list IN LISTS tools)
  get_filename_component(folder ${list} DIRECTORY)
  if(QOPT_COMPILER OR folder STREQUAL "tools/qopt-run")
    add_subdirectory(${folder})
  endif()
endforeach()
if(QOPT_TESTS)
  add_subdirectory(test)
endif()
