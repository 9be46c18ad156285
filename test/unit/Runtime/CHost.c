/* A host written in C99, with nothing but the public header. */
#include "CHost.h"

#include "qopt/Runtime/qopt.h"

#include <stdio.h>
#include <string.h>

enum { Vocabulary = 11 };

static int fail(qopt_error *error, char *message, size_t size) {
  int status = (int)qopt_error_status(error);
  strncpy(message, qopt_error_message(error), size - 1);
  qopt_error_free(error);
  return status;
}

static qopt_status generate(qopt_session *session, const int64_t *prompt, int64_t count,
                            int64_t *out, int64_t wanted, qopt_error **error) {
  float logits[Vocabulary];
  qopt_sampler *sampler = NULL;
  qopt_status status = qopt_sampler_create(NULL, &sampler, error);
  const int64_t *ids = prompt;
  int64_t i;
  for (i = 0; i < wanted && status == QOPT_OK; ++i) {
    status = qopt_session_decode(session, ids, 1, count, NULL, 1, logits, error);
    if (status == QOPT_OK)
      status = qopt_sampler_next(sampler, logits, Vocabulary, &out[i], error);
    ids = &out[i];
    count = 1;
  }
  qopt_sampler_free(sampler);
  return status;
}

int hostGenerate(const char *path, const int64_t *prompt, int64_t count, int64_t *out,
                 int64_t wanted, char *message, size_t size) {
  qopt_error *error = NULL;
  qopt_program *program = NULL;
  qopt_session *session = NULL;
  qopt_program_info info;
  qopt_options options;
  int status;
  memset(message, 0, size);
  memset(&options, 0, sizeof(options));
  options.struct_size = sizeof(options);
  options.threads = 2;
  if (qopt_program_load(path, &options, &program, &error))
    return fail(error, message, size);
  info.struct_size = sizeof(info);
  status = (int)qopt_program_get_info(program, &info, &error);
  if (status == QOPT_OK && (info.kind != QOPT_DECODER || info.vocabulary != Vocabulary))
    status = QOPT_INTERNAL;
  if (status == QOPT_OK)
    status = (int)qopt_session_create(program, 1, &session, &error);
  qopt_program_free(program); /* the session keeps what it needs */
  if (status == QOPT_OK)
    status = (int)generate(session, prompt, count, out, wanted, &error);
  qopt_session_free(session);
  if (error)
    return fail(error, message, size);
  return status;
}
