// Requests of the page at `/` to its server.

/** Requests with the token of the person who signed in. */
export interface PageRequests {
  /** Later requests carry the token. */
  signIn(token: string): void;
  /** @throws Error with the server's message, or about the token */
  request(path: string, body?: object): Promise<Response>;
  json<T>(path: string, body?: object): Promise<T>;
}

/** Its source is sent to the browser, so it must not use anything from outside. @param refused is called where a token is missing or wrong */
export function createPageRequests(refused: () => void): PageRequests {
  let token = '';
  const request = async (path: string, body?: object): Promise<Response> => {
    const headers: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
    if (token !== '') headers['authorization'] = `Bearer ${token}`;
    const response = await fetch(path, {
      headers,
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    });
    if (response.ok) return response;
    if (response.status === 401) {
      refused();
      throw new Error(token === '' ? 'This server requires its token.' : 'Wrong token.');
    }
    const { message } = (await response.json()) as { message: string };
    throw new Error(message);
  };
  return {
    signIn: (given) => void (token = given),
    request,
    json: async <T>(path: string, body?: object): Promise<T> => (await request(path, body)).json() as Promise<T>,
  };
}
