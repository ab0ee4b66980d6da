/*
 * Languages that are told apart by their commonest words: X(code, "the words, each between spaces"). Words of lower case, UTF-8.
 * One that several languages have counts for each of them; what decides is who has more. A language more is a row more.
 */
X(en, " the and of to is in that it you for with on are this what how was be have not can do i a an please my your which or at from write ")
X(de, " der die das und ist nicht ein eine einen ich du wie mit auf für den dem es wir sie was von zu bitte kann mir auch sind wird ")
X(fr, " le la les des est et un une que qui dans pour pas sur avec je vous nous ce cette comment quelle sont au du plus mon ")
X(es, " el la los las de que y es en un una por para con no se lo como qué cómo está del más pero mi son ")
X(pt, " o os as de que e é em um uma por para com não se como qual está do da mais mas meu são você ")
X(it, " il lo la gli le di che e è in un una per con non si come qual sono del della più ma mio questo cosa ")
X(nl, " de het een en van is dat niet ik je hoe met op voor te zijn wat aan er ook maar deze kan mij naar ")
X(pl, " i w na z do nie jest się że to jak co dla po czy mi tym są ma o ale który proszę przez ")
X(sv, " och det är en ett att som på jag inte för med av till hur vad kan om den du har mig från ")
X(tr, " bir ve bu ne için ile mi nasıl de da çok var ben sen değil olarak daha bana nedir gibi kadar ")
X(ru, " и в не на что я с как это по но из у за то для мне он так есть или ты вы ")
X(uk, " і в не на що я з як це та до у за але для мені він так є або ти ви від ")
