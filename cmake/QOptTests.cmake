# The test targets: check-qopt runs everything that CI runs, check-long-<name> what takes longer.
set(QOPT_UNITTEST_FOLDER ${PROJECT_BINARY_DIR}/test/unit)

# qopt_add_unittest(<name> [LLVM] [FOLDER dir] [LIBS lib...])
#
# A GoogleTest executable made of all .cpp files below the folder (the current one unless said). The name
# ends in "Tests", which is how the test runner finds the executable; it runs as part of check-qopt and by hand.
function(qopt_add_unittest name)
  cmake_parse_arguments(ARG "LLVM" "FOLDER" "LIBS" ${ARGN})
  if(NOT name MATCHES "Tests$")
    message(FATAL_ERROR "the name of a unit test executable ends in Tests: ${name}")
  endif()
  if(NOT ARG_FOLDER)
    set(ARG_FOLDER ${CMAKE_CURRENT_SOURCE_DIR})
  endif()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${ARG_FOLDER}/*.cpp)
  add_executable(${name} ${sources})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${QOPT_UNITTEST_FOLDER})
  target_include_directories(${name} PRIVATE ${ARG_FOLDER})
  target_link_libraries(${name} PRIVATE qopt_warnings ${ARG_LIBS} GTest::gtest GTest::gtest_main GTest::gmock)
  if(ARG_LLVM)
    target_link_libraries(${name} PRIVATE qopt_llvm)
    qopt_use_precompiled_header(${name})
  endif()
  set_property(GLOBAL APPEND PROPERTY QOPT_TEST_TARGETS ${name})
endfunction()

# qopt_add_long_check(<name> COMMAND c... [DEPENDS target...]): the target check-long-<name>, and its part of check-long.
function(qopt_add_long_check name)
  cmake_parse_arguments(ARG "" "" "COMMAND;DEPENDS" ${ARGN})
  add_custom_target(check-long-${name} COMMAND ${ARG_COMMAND} DEPENDS ${ARG_DEPENDS}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} USES_TERMINAL VERBATIM)
  if(NOT TARGET check-long)
    add_custom_target(check-long)
  endif()
  add_dependencies(check-long check-long-${name})
endfunction()

# qopt_add_check(): check-qopt, once every tool and unit test is known.
function(qopt_add_check)
  get_property(tests GLOBAL PROPERTY QOPT_TEST_TARGETS)
  get_property(tools GLOBAL PROPERTY QOPT_TOOLS)
  # An executable left over from a test that no longer exists must not run.
  file(GLOB executables RELATIVE ${QOPT_UNITTEST_FOLDER} ${QOPT_UNITTEST_FOLDER}/*Tests)
  foreach(executable IN LISTS executables)
    if(NOT executable IN_LIST tests)
      file(REMOVE ${QOPT_UNITTEST_FOLDER}/${executable})
    endif()
  endforeach()
  if(QOPT_COMPILER)
    set(QOPT_HAS_COMPILER True)
  else()
    set(QOPT_HAS_COMPILER False)
    set(LLVM_TOOLS_BINARY_DIR "")
  endif()
  configure_file(${PROJECT_SOURCE_DIR}/test/lit.site.cfg.py.in ${PROJECT_BINARY_DIR}/test/lit.site.cfg.py @ONLY)
  configure_file(${PROJECT_SOURCE_DIR}/test/unit/lit.site.cfg.py.in ${QOPT_UNITTEST_FOLDER}/lit.site.cfg.py @ONLY)
  add_custom_target(check-qopt
    COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/test/run.py ${PROJECT_BINARY_DIR}/test
    DEPENDS ${tests} ${tools} USES_TERMINAL VERBATIM)
  if(TARGET qopt-docs) # so that documentation which no longer generates is noticed
    add_dependencies(check-qopt qopt-docs)
  endif()
  add_test(NAME check-qopt COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/test/run.py ${PROJECT_BINARY_DIR}/test)
endfunction()
