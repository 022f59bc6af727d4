// Runs in a container next to the service, and prints each received mail.
import { SMTPServer } from 'smtp-server';

const server = new SMTPServer({
  authOptional: true,
  disabledCommands: ['STARTTLS'],
  onData(stream, _session, done) {
    stream.pipe(process.stdout, { end: false });
    stream.on('end', done);
  },
});
server.listen(1025);
process.on('SIGTERM', () => process.exit(0));
