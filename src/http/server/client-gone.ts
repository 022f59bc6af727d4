/** What sockets and Node's parser say of a client that left, was too slow, or does not speak HTTP. */
const GONE = /^(ECONNABORTED|ECONNRESET|EPIPE|ETIMEDOUT|ERR_HTTP_REQUEST_TIMEOUT|HPE_\w+)$/;

/** Whether an error of a connection is the client's own doing, and so no bug of ours. */
export const isClientGone = (error: unknown): boolean =>
  error instanceof Error && GONE.test(String((error as NodeJS.ErrnoException).code));
