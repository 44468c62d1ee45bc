"""A request in, its answer out, or the news that it does not come: the library keeps no time while a group's coordinator is gone."""

from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread

from confluent_kafka import KafkaError, KafkaException

Request = Callable[[], None]


class Overdue(Exception):
    """A request was not answered in time; its client may never be asked again."""


class Requests:
    """Makes requests in a thread of its own, one after the other.

    A client that waits for a group coordinator which has left the cluster waits for ever, whatever time it is given (librdkafka #5456 and
    #5511: a broker that is restarted is enough). Whoever asks here goes on without it.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._asked: SimpleQueue[Request | None] = SimpleQueue()
        self._answered: SimpleQueue[BaseException | None] = SimpleQueue()
        self._is_running = False

    def make(self, request: Request, seconds: float) -> None:
        """Make a request; what it raises is raised here.

        Raises:
            Overdue: it has not returned after so many seconds; it is left to itself, and the next one begins in another thread.
        """
        if not self._is_running:
            Thread(target=_serve, args=(self._asked, self._answered), name=self._name, daemon=True).start()
            self._is_running = True
        self._asked.put(request)
        try:
            error = self._answered.get(timeout=seconds)
        except Empty:
            self.close()
            raise Overdue(f"no answer within {seconds:g} s") from None
        if error is not None:
            raise error

    def close(self) -> None:
        """End the thread, as soon as its request lets it."""
        if self._is_running:
            self._asked.put(None)
            self._asked, self._answered = SimpleQueue(), SimpleQueue()
            self._is_running = False


def make_once(request: Request, seconds: float, name: str) -> None:
    """Make one request in a thread of that name, which nobody waits for should it never answer.

    Raises:
        KafkaException: what it raises, or that its time is over.
    """
    requests = Requests(name)
    try:
        requests.make(request, seconds)
    except Overdue as error:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"{name}: {error}")) from error  # noqa: SLF001 - a code
    finally:
        requests.close()


def _serve(asked: SimpleQueue[Request | None], answered: SimpleQueue[BaseException | None]) -> None:
    while (request := asked.get()) is not None:
        try:
            request()
        except BaseException as error:  # noqa: BLE001 - handed to whoever asked
            answered.put(error)
        else:
            answered.put(None)
        del request  # the client that it names is not held from one request to the next
