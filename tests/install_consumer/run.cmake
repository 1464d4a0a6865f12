# cmake -D BUILD=… -D SOURCE=… -D QUICKSTART=… -D STAGE=… -P run.cmake
#
# Installs the libraries into an empty folder, builds a stranger's project against what is there, and
# runs it. The environment's compiler settings are the stranger's own.
function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${ARGV}\n${output}")
  endif()
endfunction()

file(REMOVE_RECURSE ${STAGE})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${STAGE}/prefix --component sluis_development)
run(${CMAKE_COMMAND} -S ${SOURCE} -B ${STAGE}/build -G Ninja
  -D CMAKE_PREFIX_PATH=${STAGE}/prefix -D CMAKE_CXX_COMPILER=${COMPILER}
  "-D CMAKE_CXX_FLAGS=${FLAGS}" -D QUICKSTART=${QUICKSTART})
run(${CMAKE_COMMAND} --build ${STAGE}/build)

# Without arguments it says how it is used: it starts, and found its libraries.
execute_process(COMMAND ${STAGE}/build/quickstart RESULT_VARIABLE result ERROR_VARIABLE said)
if(NOT result EQUAL 2 OR NOT said MATCHES "usage: quickstart")
  message(FATAL_ERROR "quickstart ended with ${result} and said: ${said}")
endif()

# The headers that an integrator includes must not bring Protobuf or gRPC along.
file(GLOB_RECURSE headers ${STAGE}/prefix/include/sluis/client/*.h)
list(LENGTH headers count)
if(count LESS 10)
  message(FATAL_ERROR "only ${count} headers were installed")
endif()
foreach(header IN LISTS headers)
  file(READ ${header} content)
  if(content MATCHES "#include [<\"](google/protobuf|grpc|[^\n]*\\.pb\\.h)")
    message(FATAL_ERROR "${header} includes Protobuf or gRPC")
  endif()
endforeach()
file(REMOVE_RECURSE ${STAGE})
