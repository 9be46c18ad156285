# qopt_onnx_proto: the parser of ONNX files, generated at configure time from the schema inside the pinned
# `onnx` Python package, so that no copy of the schema lives here. Include it as "onnx/onnx-ml.pb.h".
#
# The lite runtime: no descriptors and no global registry, so a process may hold another copy of ONNX's
# messages, and the generated code compiles in seconds.
qopt_require_python_package(onnx onnx_package)
set(onnx_proto ${onnx_package}/onnx-ml.proto)
if(NOT EXISTS ${onnx_proto})
  message(FATAL_ERROR "${onnx_package} holds no onnx-ml.proto; reinstall it: ${Python3_EXECUTABLE} -m pip install --force-reinstall -r python/requirements.txt")
endif()
set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${onnx_proto})

set(onnx_folder ${PROJECT_BINARY_DIR}/onnx)
file(SHA256 ${onnx_proto} stamp)
execute_process(COMMAND ${Protobuf_PROTOC_EXECUTABLE} --version OUTPUT_VARIABLE protoc_version OUTPUT_STRIP_TRAILING_WHITESPACE)
string(APPEND stamp " ${protoc_version}")
set(old_stamp)
if(EXISTS ${onnx_folder}/stamp AND EXISTS ${onnx_folder}/onnx-ml.pb.cc AND EXISTS ${onnx_folder}/onnx-ml.pb.h)
  file(READ ${onnx_folder}/stamp old_stamp)
endif()
if(NOT stamp STREQUAL old_stamp)
  file(MAKE_DIRECTORY ${onnx_folder})
  configure_file(${onnx_proto} ${onnx_folder}/onnx-ml.proto COPYONLY)
  execute_process(COMMAND ${Protobuf_PROTOC_EXECUTABLE} --proto_path=${PROJECT_BINARY_DIR}
    --cpp_out=lite:${PROJECT_BINARY_DIR} onnx/onnx-ml.proto RESULT_VARIABLE status ERROR_VARIABLE errors)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${Protobuf_PROTOC_EXECUTABLE} refused ${onnx_proto}:\n${errors}")
  endif()
  file(WRITE ${onnx_folder}/stamp "${stamp}")
endif()

add_library(qopt_onnx_proto OBJECT ${onnx_folder}/onnx-ml.pb.cc)
set_target_properties(qopt_onnx_proto PROPERTIES CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
target_include_directories(qopt_onnx_proto SYSTEM PUBLIC ${PROJECT_BINARY_DIR} ${Protobuf_INCLUDE_DIRS})
target_compile_options(qopt_onnx_proto PRIVATE -w)
target_link_libraries(qopt_onnx_proto PUBLIC protobuf::libprotobuf-lite)
