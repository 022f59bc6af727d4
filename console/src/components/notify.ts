import { ElMessage } from 'element-plus';
import { Failure } from '../api/failure';

/** Shows that an action succeeded. Screen readers read it. */
export function notify(message: string): void {
  ElMessage({ message, type: 'success', grouping: true });
}

/** Shows why an action failed that has no form. */
export function notifyFailure(error: unknown): void {
  if (!(error instanceof Failure)) {
    throw error;
  }
  ElMessage({ message: error.message, type: 'error', duration: 8_000, showClose: true });
}
