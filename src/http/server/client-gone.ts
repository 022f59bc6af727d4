/** Error codes of sockets and of Node's parser for a client that left, was too slow, or does not speak HTTP. */
const GONE =
  /^(ECONNABORTED|ECONNRESET|EPIPE|ETIMEDOUT|ERR_HTTP_REQUEST_TIMEOUT|ERR_STREAM_PREMATURE_CLOSE|HPE_\w+)$/;

/** Whether the client caused an error of a connection, so that it is not a bug. */
export const isClientGone = (error: unknown): boolean =>
  error instanceof Error && GONE.test(String((error as NodeJS.ErrnoException).code));
