# The Python that the build uses: -DPython3_EXECUTABLE, else the checkout's own .venv, else the system's.
if(NOT Python3_EXECUTABLE AND EXISTS ${PROJECT_SOURCE_DIR}/.venv/bin/python)
  set(Python3_EXECUTABLE ${PROJECT_SOURCE_DIR}/.venv/bin/python CACHE FILEPATH "Python with the packages of python/requirements.txt")
endif()
if(Python3_EXECUTABLE)
  # Relative paths are meant from where cmake is called, normally the checkout. Links are kept: they are what makes a venv.
  get_filename_component(Python3_EXECUTABLE ${Python3_EXECUTABLE} ABSOLUTE BASE_DIR ${CMAKE_SOURCE_DIR})
  set(Python3_EXECUTABLE ${Python3_EXECUTABLE} CACHE FILEPATH "Python with the packages of python/requirements.txt" FORCE)
endif()
find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter)

# qopt_require_python_package(<name> <variable>): the folder of an installed package, in the version that
# python/requirements.txt pins. Nothing is imported, so this costs milliseconds.
function(qopt_require_python_package name variable)
  set(requirements ${PROJECT_SOURCE_DIR}/python/requirements.txt)
  set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${requirements})
  file(STRINGS ${requirements} line REGEX "^${name}==")
  string(REPLACE "${name}==" "" pinned "${line}")
  if(pinned STREQUAL "")
    message(FATAL_ERROR "${requirements} pins no version of ${name}")
  endif()
  execute_process(
    COMMAND ${Python3_EXECUTABLE} -c "import importlib.metadata as m, importlib.util as u, sys
try: print(m.version(sys.argv[1]) + ';' + list(u.find_spec(sys.argv[1]).submodule_search_locations)[0])
except (m.PackageNotFoundError, AttributeError): print('none;')" ${name}
    OUTPUT_VARIABLE found OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${Python3_EXECUTABLE} cannot be run")
  endif()
  list(GET found 0 version)
  if(NOT version STREQUAL pinned)
    message(FATAL_ERROR "qopt needs the Python package ${name} ${pinned}; ${Python3_EXECUTABLE} has ${version}.\n"
      "Run `./bootstrap build`, which makes .venv with all of them, or\n"
      "  python3 -m venv .venv && .venv/bin/pip install -r python/requirements.txt\n"
      "and configure again (-DPython3_EXECUTABLE=... for another Python that has them).")
  endif()
  list(GET found 1 folder)
  set(${variable} ${folder} PARENT_SCOPE)
endfunction()
